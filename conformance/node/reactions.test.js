// How the unmodified pusher-js reacts to each way in which the server ends a connection (protocol §1.14):
// whether it comes back, and how soon. Refused handshakes and restarts are in pusher-js.test.js.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Pusher from 'pusher';

import { app, trigger } from '../harness/app.js';
import { startAuthority } from '../harness/authority.js';
import { builds, client, next, reaches, subscribed } from '../harness/clients.js';
import { startServer } from '../harness/program.js';
import { startProxy } from '../harness/proxy.js';
import { Inbox } from '../harness/waiting.js';

let server;
let authority;
let library;
before(async () => {
  [server, authority] = await Promise.all([startServer('--activity-timeout', '1', '--pong-timeout', '1'), startAuthority()]);
  library = new Pusher({
    appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(server.port), useTLS: false,
  });
});
after(async () => {
  authority.stop();
  await server.stop();
});

/** A connected client, and what it goes through from now on. */
async function connect(version, settings = {}, port = server.port) {
  const pusher = client(version, port, { authority, user: 'anna', ...settings });
  await reaches(pusher, 'connected');
  const seen = { states: new Inbox(), errors: [] };
  pusher.connection.bind('state_change', ({ current }) => seen.states.put([current, Date.now()]));
  pusher.connection.bind('error', (error) => seen.errors.push([(error.error ?? error).data?.code, Date.now()]));
  return [pusher, seen];
}

/** Waits until it is connected again, and returns how many milliseconds that is after its first error. */
async function comesBack({ states, errors }) {
  for (;;) {
    const [state, at] = await states.take('a state');
    if (state === 'connected') return at - errors[0][1];
  }
}

const codes = ({ errors }) => errors.map(([code]) => code);

for (const version of Object.keys(builds)) {
  describe(`pusher-js ${version}`, () => {
    test('4201, when its pongs do not arrive: comes back at once, with its channels', async () => {
      const proxy = await startProxy(server.port);
      const [pusher, seen] = await connect(version, {}, proxy.port);
      const channel = await subscribed(pusher, 'news');
      const again = next(channel, 'pusher:subscription_succeeded');
      const before = pusher.connection.socket_id;
      proxy.mute();
      const waited = await comesBack(seen);
      await again;
      assert.equal(codes(seen)[0], 4201);
      assert.notEqual(pusher.connection.socket_id, before);
      assert.ok(waited < 900, `${waited} ms`);
      pusher.disconnect();
      proxy.stop();
    });

    test('4100, when it reads too slowly: comes back after a second', async () => {
      const proxy = await startProxy(server.port);
      // It must not be the client that gives up.
      const [pusher, seen] = await connect(version, { activityTimeout: 60_000 }, proxy.port);
      await subscribed(pusher, 'flood');
      proxy.hold();
      const batch = Array.from({ length: 10 }, () => ({ channel: 'flood', name: 'e', data: 'x'.repeat(10_000) }));
      for (let n = 0; n < 120; n += 1) await library.triggerBatch(batch);
      proxy.release();
      const waited = await comesBack(seen);
      assert.equal(codes(seen)[0], 4100);
      assert.ok(waited >= 900, `${waited} ms`);
      pusher.disconnect();
      proxy.stop();
    });

    test('1009, for a message that is too large: comes back after a second', async () => {
      const [pusher, seen] = await connect(version);
      const channel = await subscribed(pusher, 'private-large');
      channel.trigger('client-large', 'x'.repeat(70_000));
      const waited = await comesBack(seen);
      assert.ok(waited >= 900, `${waited} ms`);
      await subscribed(pusher, 'after');
      pusher.disconnect();
    });

    test('a client event that is too large for an event is an error, and it stays connected', async () => {
      const [pusher, seen] = await connect(version);
      const channel = await subscribed(pusher, 'private-large');
      const error = next(pusher.connection, 'error');
      channel.trigger('client-large', 'x'.repeat(11_000));
      await error;
      await subscribed(pusher, 'after');
      assert.deepEqual([codes(seen), seen.states.waiting], [[null], []]);
      pusher.disconnect();
    });
  });
}

describe('pusher-js 8.6.0, signed in', () => {
  test('4009, when its user\'s connections are ended: stays away', async () => {
    const [pusher, seen] = await connect('8.6.0');
    const [other] = await connect('8.6.0', { user: 'ben' });
    for (const one of [pusher, other]) {
      one.signin();
      await one.user.signinDonePromise;
    }
    assert.equal((await library.terminateUserConnections('anna')).status, 200);
    assert.equal((await seen.states.take())[0], 'disconnected');
    assert.equal(codes(seen)[0], 4009);
    // Longer than any of the waits of the other codes.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.deepEqual(seen.states.waiting, []);
    assert.equal(other.connection.state, 'connected');
    // It may come back when it is told to.
    pusher.connect();
    await reaches(pusher, 'connected');
    pusher.disconnect();
    other.disconnect();
  });
});

test('a storm: everybody comes back after a restart, once, and gets what is sent then', async () => {
  const MANY = 150;
  // All at once: spread over a second and a half, those that go first would come back to nobody, and
  // then wait for fifteen seconds.
  const restarting = await startServer('--drain-over', '0');
  const clients = await Promise.all(Array.from({ length: MANY }, async (_, n) => {
    const pusher = client('8.6.0', restarting.port, { authority, user: `u${n}` });
    await reaches(pusher, 'connected');
    const channels = [await subscribed(pusher, 'news'), await subscribed(pusher, `presence-${n % 10}`)];
    return { pusher, channels };
  }));
  const all = (event) => Promise.all(clients.flatMap(({ channels }) => channels.map((channel) => next(channel, event))));
  await restarting.stop('SIGTERM');
  const again = all('pusher:subscription_succeeded');
  await restarting.startAgain();
  await again;
  // A member's own success may be read before the others hear of it.
  for (const { channels: [, room] } of clients) {
    while (room.members.count < MANY / 10) await next(room, 'pusher:member_added');
    assert.equal(room.members.count, MANY / 10);
  }
  const heard = clients.map(({ channels }) => {
    const inbox = new Inbox();
    ['e', 'marker'].forEach((event) => channels[0].bind(event, () => inbox.put(event)));
    return inbox;
  });
  await trigger(restarting.port, 'news', 'e', {});
  await trigger(restarting.port, 'news', 'marker', {});
  for (const inbox of heard) assert.deepEqual([await inbox.take(), await inbox.take()], ['e', 'marker']);
  clients.forEach(({ pusher }) => pusher.disconnect());
  await restarting.stop();
});
