// A server is restarted on a socket that stays open: what unmodified clients and publishers notice.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import Pusher from 'pusher';

import { app } from '../harness/app.js';
import { builds, client, next, reaches, subscribed } from '../harness/clients.js';
import { startKeeper } from '../harness/keeper.js';

const CLIENTS = 10;

/** A client with its channel, and what it goes through from now on. */
async function connect(version, port) {
  const pusher = client(version, port);
  await reaches(pusher, 'connected');
  const channel = await subscribed(pusher, 'news');
  const seen = { pusher, channel, states: [], codes: [] };
  pusher.connection.bind('state_change', ({ current }) => seen.states.push([current, Date.now()]));
  pusher.connection.bind('error', (error) => seen.codes.push((error.error ?? error).data?.code));
  return seen;
}

/** Publishes until it is stopped; every event has to be accepted. */
function publishing(port) {
  const library = new Pusher({
    appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(port), useTLS: false,
  });
  let going = true;
  const run = (async () => {
    let count = 0;
    for (; going; count++) {
      const answer = await library.trigger('news', 'number', String(count));
      assert.equal(answer.status, 200);
      await pause(5);
    }
    return count;
  })();
  run.catch(() => {});
  return {
    library,
    stop: () => {
      going = false;
      return run;
    },
  };
}

for (const version of Object.keys(builds)) {
  describe(`pusher-js ${version}`, () => {
    const keepers = [];
    after(() => keepers.forEach((keeper) => keeper.stop()));

    /** Restarts a server under load; resolves with how many milliseconds each client was away. */
    async function restart(change) {
      const keeper = await startKeeper();
      keepers.push(keeper);
      const old = await keeper.start();
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(version, keeper.port)));
      const publisher = publishing(keeper.port);
      await Promise.all(clients.map(({ channel }) => next(channel, 'number')));
      await change(keeper, old);

      await Promise.all(clients.map(({ pusher }) => reaches(pusher, 'connected')));
      await Promise.all(clients.map(({ channel }) => channel.subscribed || next(channel, 'pusher:subscription_succeeded')));
      assert.ok((await publisher.stop()) > 1, 'events were accepted all the time');
      const heard = clients.map(({ channel }) => next(channel, 'last'));
      await publisher.library.trigger('news', 'last', 'of all');
      assert.deepEqual(await Promise.all(heard), Array(CLIENTS).fill('of all'));

      return clients.map(({ pusher, states, codes }) => {
        assert.deepEqual([...new Set(codes)], [4200]);
        assert.deepEqual(states.map(([state]) => state), ['connecting', 'connected'], 'moved once');
        pusher.disconnect();
        return states[1][1] - states[0][1];
      });
    }

    test('a successor on the same socket has everybody back at once', async () => {
      const away = await restart(async (keeper, old) => {
        await keeper.start();
        assert.equal(await keeper.end(old), 0);
      });
      assert.ok(Math.max(...away) < 900, `away for ${away} ms`);
    });

    test('a successor that comes later finds everybody waiting', async () => {
      const away = await restart(async (keeper, old) => {
        assert.equal(await keeper.end(old), 0);
        await pause(500);
        await keeper.start();
      });
      assert.ok(Math.max(...away) < 5_000, `away for ${away} ms`);
    });
  });
}
