// The unmodified pusher-js, in its builds for Node, against the server.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { trigger } from '../harness/app.js';
import { startAuthority } from '../harness/authority.js';
import { builds, client, next, reaches, subscribed } from '../harness/clients.js';
import { startServer } from '../harness/program.js';
import { Inbox } from '../harness/waiting.js';

let server;
let authority;
before(async () => ([server, authority] = await Promise.all([startServer(), startAuthority()])));
after(async () => {
  authority.stop();
  await server.stop();
});

for (const version of Object.keys(builds)) {
  describe(`pusher-js ${version}`, () => {
    let open = [];
    afterEach(() => {
      open.forEach((pusher) => pusher.disconnect());
      open = [];
    });

    function start(settings = {}, { port = server.port, key } = {}) {
      const pusher = client(version, port, { authority, ...settings }, key);
      open.push(pusher);
      return pusher;
    }

    async function connect(settings, more) {
      const pusher = start(settings, more);
      await reaches(pusher, 'connected');
      return pusher;
    }

    /** What arrives on a channel from now on, in order, as [event, data, metadata]. */
    function listen(channel, ...events) {
      const inbox = new Inbox();
      events.forEach((event) => channel.bind(event, (data, metadata) => inbox.put([event, data, metadata])));
      return inbox;
    }

    test('connects', async () => {
      const pusher = await connect();
      assert.match(pusher.connection.socket_id, /^\d+\.\d+$/);
    });

    test('trap 02: an unknown app is an error and ends all tries', async () => {
      const pusher = start({}, { key: 'no-such-key' });
      const error = await next(pusher.connection, 'error');
      assert.equal(error.data?.code ?? error.error?.data?.code, 4001);
      await reaches(pusher, 'disconnected');
    });

    test('gets the events of its channels as values', async () => {
      const channel = await subscribed(await connect(), 'news');
      const inbox = listen(channel, 'object', 'text', 'number');
      await trigger(server.port, 'news', 'object', { a: [1, 'ü'] });
      await trigger(server.port, 'news', 'text', 'test');
      await trigger(server.port, 'news', 'number', '42');
      for (const expected of [['object', { a: [1, 'ü'] }], ['text', 'test'], ['number', 42]]) {
        assert.deepEqual((await inbox.take()).slice(0, 2), expected);
      }
    });

    test('gets no more after unsubscribing', async () => {
      const pusher = await connect();
      const [left, stayed] = [await subscribed(pusher, 'left'), await subscribed(pusher, 'stayed')];
      const inbox = listen(left, 'e');
      pusher.unsubscribe('left');
      // The second subscription is answered after the first has been ended.
      await subscribed(pusher, 'later');
      const marker = next(stayed, 'marker');
      await trigger(server.port, ['left', 'stayed'], 'e', {});
      await trigger(server.port, 'stayed', 'marker', {});
      await marker;
      assert.deepEqual(inbox.waiting, []);
    });

    test('a subscription that is cancelled while pending leaves no trace', async () => {
      const pusher = await connect();
      const errors = listen(pusher.connection, 'error');
      pusher.subscribe('pending');
      pusher.unsubscribe('pending');
      pusher.subscribe('pending');
      const channel = await subscribed(pusher, 'another').then(() => pusher.channel('pending'));
      if (!channel.subscribed) await next(channel, 'pusher:subscription_succeeded');
      const inbox = listen(channel, 'e', 'marker');
      await trigger(server.port, 'pending', 'e', 1);
      await trigger(server.port, 'pending', 'marker', {});
      assert.equal((await inbox.take())[0], 'e');
      assert.equal((await inbox.take())[0], 'marker');
      assert.deepEqual(errors.waiting, []);
    });

    test('a private channel: authorised by the application', async () => {
      const channel = await subscribed(await connect({ user: 'u' }), 'private-a');
      const event = next(channel, 'e');
      await trigger(server.port, 'private-a', 'e', 1);
      await event;
    });

    test('a private channel: refused by the application', async () => {
      const channel = (await connect()).subscribe('private-a');
      const error = await next(channel, 'pusher:subscription_error');
      assert.equal(error.status, 403);
    });

    test('a private channel: a wrong signature is shown on the channel and the connection', async () => {
      const pusher = await connect({ user: 'u' });
      const errors = listen(pusher.connection, 'error');
      const channel = pusher.subscribe('private-forged');
      const error = await next(channel, 'pusher:subscription_error');
      assert.deepEqual([error.type, error.status], ['AuthError', 401]);
      assert.match(error.error, /^Invalid signature: /);
      const [, shown] = await errors.take();
      assert.equal((shown.error ?? shown).data.message, error.error);
      assert.equal(pusher.connection.state, 'connected');
    });

    test('a presence channel: who is here, who comes, who goes', async () => {
      const [anna, ben] = [await connect({ user: 'anna' }), await connect({ user: 'ben' })];
      const room = await subscribed(anna, 'presence-room');
      assert.deepEqual(room.members.me, { id: 'anna', info: { name: 'Name of anna' } });
      const inbox = listen(room, 'pusher:member_added', 'pusher:member_removed');
      const other = await subscribed(ben, 'presence-room');
      assert.equal(other.members.count, 2);
      assert.deepEqual(other.members.get('anna').info, { name: 'Name of anna' });
      assert.deepEqual((await inbox.take()).slice(0, 2), [
        'pusher:member_added',
        { id: 'ben', info: { name: 'Name of ben' } },
      ]);
      assert.equal(room.members.count, 2);
      ben.disconnect();
      assert.equal((await inbox.take())[1].id, 'ben');
      assert.equal(room.members.count, 1);
    });

    test('a presence channel: two connections of one user are one member', async () => {
      const [anna, one, two] = [
        await connect({ user: 'anna' }), await connect({ user: 'ben' }), await connect({ user: 'ben' }),
      ];
      const room = await subscribed(anna, 'presence-tabs');
      const inbox = listen(room, 'pusher:member_added', 'pusher:member_removed', 'marker');
      await subscribed(one, 'presence-tabs');
      assert.equal((await subscribed(two, 'presence-tabs')).members.count, 2);
      assert.equal((await inbox.take())[1].id, 'ben');
      one.unsubscribe('presence-tabs');
      await subscribed(one, 'public');
      await trigger(server.port, 'presence-tabs', 'marker', {});
      assert.equal((await inbox.take())[0], 'marker');
      two.disconnect();
      assert.equal((await inbox.take())[0], 'pusher:member_removed');
    });

    test('a client event reaches the others, with the user who sent it', async () => {
      const [anna, ben] = [await connect({ user: 'anna' }), await connect({ user: 'ben' })];
      const [from, to] = [await subscribed(anna, 'presence-chat'), await subscribed(ben, 'presence-chat')];
      const [sent, received] = [listen(from, 'client-typing', 'marker'), listen(to, 'client-typing')];
      assert.equal(from.trigger('client-typing', { on: true }), true);
      const [, data, metadata] = await received.take();
      assert.deepEqual([data, metadata.user_id], [{ on: true }, 'anna']);
      await trigger(server.port, 'presence-chat', 'marker', {});
      assert.equal((await sent.take())[0], 'marker');
    });

    test('too many client events: an error 4301, and still connected', async () => {
      const pusher = await connect({ user: 'anna' });
      const channel = await subscribed(pusher, 'private-rate');
      const error = next(pusher.connection, 'error');
      for (let n = 0; n < 11; n += 1) channel.trigger('client-n', { n });
      const shown = await error;
      assert.equal((shown.error ?? shown).data.code, 4301);
      await subscribed(pusher, 'after');
    });

    test('to others: the connection that is named is left out', async () => {
      const [one, two] = [await connect(), await connect()];
      const channels = [await subscribed(one, 'others'), await subscribed(two, 'others')];
      const [left, right] = channels.map((channel) => listen(channel, 'e', 'marker'));
      await trigger(server.port, 'others', 'e', {}, { socket_id: one.connection.socket_id });
      await trigger(server.port, 'others', 'marker', {});
      assert.equal((await left.take())[0], 'marker');
      assert.equal((await right.take())[0], 'e');
    });

    test('trap 03: its own pings are answered as often as the server asks for', async () => {
      const impatient = await startServer('--activity-timeout', '1');
      const pusher = await connect({}, { port: impatient.port });
      const messages = listen(pusher.connection, 'message');
      for (let pongs = 0; pongs < 2; ) {
        if ((await messages.take())[1].event === 'pusher:pong') pongs += 1;
      }
      assert.equal(pusher.connection.state, 'connected');
      await impatient.stop();
    });

    test('trap 20: comes back by itself, with its channels, when the server has restarted', async () => {
      const restarting = await startServer();
      const pusher = await connect({ user: 'anna' }, { port: restarting.port });
      const channels = [await subscribed(pusher, 'news'), await subscribed(pusher, 'presence-room')];
      const before = pusher.connection.socket_id;
      // The client waits a second before it tries again, and much longer when nobody answers then.
      await restarting.stop('SIGTERM');
      const again = Promise.all(channels.map((channel) => next(channel, 'pusher:subscription_succeeded')));
      await restarting.startAgain();
      await again;
      assert.notEqual(pusher.connection.socket_id, before);
      assert.equal(channels[1].members.count, 1);
      const event = next(channels[0], 'e');
      await trigger(restarting.port, 'news', 'e', 1);
      await event;
      pusher.disconnect();
      await restarting.stop();
    });
  });
}

describe('pusher-js 8.6.0, signing in', () => {
  const connect = async (user) => {
    const pusher = client('8.6.0', server.port, { authority, user });
    await reaches(pusher, 'connected');
    return pusher;
  };

  test('gets the events that are sent to its user', async () => {
    const [anna, ben] = [await connect('anna'), await connect('ben')];
    for (const pusher of [anna, ben]) {
      pusher.signin();
      await pusher.user.signinDonePromise;
    }
    const received = next(anna.user, 'dm');
    // The client subscribes to its own channel by itself; until then nothing would come.
    await ready(anna);
    await ready(ben);
    const nothing = [];
    ben.user.bind('dm', (data) => nothing.push(data));
    await trigger(server.port, '#server-to-user-anna', 'dm', { k: 1 });
    assert.deepEqual(await received, { k: 1 });
    const marker = next(ben.user, 'marker');
    await trigger(server.port, '#server-to-user-ben', 'marker', {});
    await marker;
    assert.deepEqual(nothing, []);
    anna.disconnect();
    ben.disconnect();
  });

  test('joins a presence channel as its user', async () => {
    const pusher = await connect('anna');
    pusher.signin();
    const room = await subscribed(pusher, 'presence-signed-in');
    assert.equal(room.members.me.id, 'anna');
    pusher.disconnect();
  });

  const ready = async (pusher) => {
    const channel = pusher.user.serverToUserChannel;
    if (!channel.subscribed) await next(channel, 'pusher:subscription_succeeded');
  };
});

