// The unmodified pusher-js, in its builds for Node, where no WebSocket gets through: each of its
// transports over HTTP by force.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { trigger } from '../harness/app.js';
import { startAuthority } from '../harness/authority.js';
import { builds, client, next, overHttp, reaches, subscribed } from '../harness/clients.js';
import { startServer } from '../harness/program.js';
import { Inbox, within } from '../harness/waiting.js';

let server;
let authority;
before(async () => ([server, authority] = await Promise.all([startServer(), startAuthority()])));
after(async () => {
  authority.stop();
  await server.stop();
});

for (const version of Object.keys(builds)) {
  for (const transport of ['xhr_streaming', 'xhr_polling']) {
    describe(`pusher-js ${version} by ${transport}`, () => {
      let open = [];
      afterEach(() => {
        open.forEach((pusher) => pusher.disconnect());
        open = [];
      });

      function start(settings = {}, { port = server.port, key } = {}) {
        const pusher = client(version, port, { authority, ...overHttp(port, transport), ...settings }, key);
        open.push(pusher);
        return pusher;
      }

      async function connect(settings, more) {
        const pusher = start(settings, more);
        await reaches(pusher, 'connected');
        assert.equal(pusher.connection.connection.transport.name, transport);
        return pusher;
      }

      function listen(channel, ...events) {
        const inbox = new Inbox();
        events.forEach((event) => channel.bind(event, (data) => inbox.put([event, data])));
        return inbox;
      }

      test('gets the events of its channels, and no more after it has left', async () => {
        const pusher = await connect({ user: 'u' });
        const [left, stayed] = [await subscribed(pusher, 'private-left'), await subscribed(pusher, 'stayed')];
        const inbox = listen(left, 'e');
        await trigger(server.port, 'private-left', 'e', { a: [1, 'ü😀\n'] });
        assert.deepEqual(await inbox.take(), ['e', { a: [1, 'ü😀\n'] }]);
        pusher.unsubscribe('private-left');
        await subscribed(pusher, 'later');
        const marker = next(stayed, 'marker');
        await trigger(server.port, ['private-left', 'stayed'], 'e', {});
        await trigger(server.port, 'stayed', 'marker', {});
        await marker;
        assert.deepEqual(inbox.waiting, []);
      });

      test('is a member, and says what others hear in the order in which it said it', async () => {
        const [anna, ben] = [await connect({ user: 'anna' }), await connect({ user: 'ben' })];
        const [from, to] = [await subscribed(anna, 'presence-room'), await subscribed(ben, 'presence-room')];
        assert.equal(to.members.count, 2);
        const received = listen(to, 'client-n', 'pusher:member_removed');
        for (let n = 0; n < 8; n += 1) assert.equal(from.trigger('client-n', { n }), true);
        for (let n = 0; n < 8; n += 1) assert.deepEqual(await received.take(), ['client-n', { n }]);
        // It does not say that it leaves: the server waits five seconds for its next request.
        anna.disconnect();
        assert.equal((await received.take())[1].id, 'anna');
      });

      test('an unknown app is an error and ends all tries', async () => {
        const pusher = start({}, { key: 'no-such-key' });
        const error = await next(pusher.connection, 'error');
        assert.equal(error.data?.code ?? error.error?.data?.code, 4001);
        await reaches(pusher, 'disconnected');
      });

      test('trap 16: it stays connected while nothing happens', async () => {
        const impatient = await startServer('--activity-timeout', '1');
        const pusher = await connect({}, { port: impatient.port });
        const changes = listen(pusher.connection, 'state_change', 'error');
        // Four of its timeouts, each of which it ends with an empty post.
        await new Promise((resolve) => setTimeout(resolve, 4_500));
        assert.deepEqual(changes.waiting, []);
        const channel = await subscribed(pusher, 'news');
        const event = next(channel, 'e');
        await trigger(impatient.port, 'news', 'e', {});
        await event;
        pusher.disconnect();
        await impatient.stop();
      });

      test('loses nothing of a megabyte, for which it makes several requests', async () => {
        const channel = await subscribed(await connect(), 'much');
        const inbox = listen(channel, 'e');
        const padding = 'ü'.repeat(4_000);
        const sending = (async () => {
          for (let n = 0; n < 300; n += 1) await trigger(server.port, 'much', 'e', { n, padding });
        })();
        for (let n = 0; n < 300; n += 1) {
          const [, data] = await inbox.take(`event ${n}`);
          assert.deepEqual(data, { n, padding });
        }
        await sending;
      });

      test('comes back by itself, with its channels, when the server has restarted', async () => {
        const restarting = await startServer();
        const pusher = await connect({}, { port: restarting.port });
        const channel = await subscribed(pusher, 'news');
        await restarting.stop('SIGTERM');
        const again = within(
          new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve)),
          () => 'the subscription after the restart',
          25_000,
        );
        await restarting.startAgain();
        await again;
        const event = next(channel, 'e');
        await trigger(restarting.port, 'news', 'e', 1);
        await event;
        pusher.disconnect();
        await restarting.stop();
      });

      if (version.startsWith('8.')) {
        test('signs in, and gets the events that are sent to its user', async () => {
          const pusher = await connect({ user: 'anna' });
          pusher.signin();
          await pusher.user.signinDonePromise;
          const mine = pusher.user.serverToUserChannel;
          if (!mine.subscribed) await next(mine, 'pusher:subscription_succeeded');
          const received = next(pusher.user, 'dm');
          await trigger(server.port, '#server-to-user-anna', 'dm', { k: 1 });
          assert.deepEqual(await received, { k: 1 });
        });
      }
    });
  }
}
