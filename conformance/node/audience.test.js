// What clients are told about other clients, where the app wants it (protocol §1.12, §1.13): how many are
// subscribed, and who of a watchlist is online; and the end of those who never say who they are.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { app, channelAuth, trigger, userAuth } from '../harness/app.js';
import { client, next, reaches, subscribed } from '../harness/clients.js';
import { startConfigured } from '../harness/program.js';
import { Socket } from '../harness/socket.js';
import { Inbox } from '../harness/waiting.js';

let folder;
let server;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skywave-'));
  server = await configured('subscription_counts = true\nwatchlists = true');
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** A server whose app has these settings. */
function configured(settings) {
  const file = join(folder, `${settings.length}.toml`);
  writeFileSync(file, `[[apps]]\nid = "${app.id}"\nkey = "${app.key}"\nsecret = "${app.secret}"\n${settings}\n`);
  return startConfigured(file);
}

const authorised = (more) => ({
  channelAuthorization: {
    customHandler: ({ socketId, channelName }, callback) => {
      const data = channelName.startsWith('presence-') ? '{"user_id":"u"}' : undefined;
      callback(null, { auth: channelAuth(socketId, channelName, data), channel_data: data });
    },
  },
  ...more,
});

test('pusher-js 8.6.0 is told how many are subscribed, whenever that changes', async () => {
  const pusher = client('8.6.0', server.port);
  await reaches(pusher, 'connected');
  const channel = pusher.subscribe('counted');
  const counts = new Inbox();
  channel.bind('pusher:subscription_count', (data) => counts.put(data.subscription_count));
  assert.equal(await counts.take(), 1);
  const other = await Socket.connect(server.port);
  await other.subscribe('counted');
  assert.equal(await counts.take(), 2);
  assert.equal(channel.subscriptionCount, 2);
  await other.close();
  assert.equal(await counts.take(), 1);
  pusher.disconnect();
});

test('pusher-js 7.0.3, which knows no counts, is not disturbed by them', async () => {
  const pusher = client('7.0.3', server.port);
  await reaches(pusher, 'connected');
  const channel = await subscribed(pusher, 'counted-too');
  const heard = next(channel, 'e');
  await trigger(server.port, 'counted-too', 'e', 1);
  assert.equal(await heard, 1);
  pusher.disconnect();
});

test('presence and encrypted channels are not counted aloud', async () => {
  const socket = await Socket.connect(server.port);
  for (const [name, more] of [['presence-a', { data: { user_id: 'u' } }], ['private-encrypted-a', {}]]) {
    await socket.subscribe(name, more);
    await socket.nothingElse();
  }
  await socket.close();
});

describe('pusher-js 8.6.0, with a watchlist', () => {
  /** A client that signs in as this user, watching others; with what it hears of them. */
  async function signedIn(id, watchlist) {
    const userData = JSON.stringify({ id, watchlist });
    const pusher = client('8.6.0', server.port, authorised({
      userAuthentication: {
        customHandler: ({ socketId }, callback) =>
          callback(null, { auth: userAuth(socketId, userData), user_data: userData }),
      },
    }));
    await reaches(pusher, 'connected');
    const heard = new Inbox();
    for (const event of ['online', 'offline']) {
      pusher.user.watchlist.bind(event, ({ user_ids: ids }) => heard.put([event, ids]));
    }
    pusher.signin();
    await pusher.user.signinDonePromise;
    return { pusher, heard };
  }

  test('is told who is online, who comes and who goes', async () => {
    const early = await signedIn('early', []);
    const watching = await signedIn('watching', ['early', 'late']);
    const first = [await watching.heard.take(), await watching.heard.take()];
    assert.deepEqual(new Map(first), new Map([['online', ['early']], ['offline', ['late']]]));
    const late = [await signedIn('late', []), await signedIn('late', [])];
    assert.deepEqual(await watching.heard.take(), ['online', ['late']]);
    // As long as one of them is there, the user is.
    late[0].pusher.disconnect();
    early.pusher.disconnect();
    assert.deepEqual(await watching.heard.take(), ['offline', ['early']]);
    late[1].pusher.disconnect();
    assert.deepEqual(await watching.heard.take(), ['offline', ['late']]);
    watching.pusher.disconnect();
  });

  test('more than a hundred are too many: an error 4302, and it is signed in', async () => {
    const { pusher } = await signedIn('nobody', []);
    pusher.disconnect();
    const socket = await Socket.connect(server.port);
    await socket.signIn({ id: 'curious', watchlist: Array.from({ length: 101 }, (_, n) => `w${n}`) });
    const events = [await socket.next(), await socket.next()];
    const error = events.find(({ event }) => event === 'pusher:error');
    assert.equal(error.data.code, 4302);
    const told = events.find(({ event }) => event === 'pusher_internal:watchlist_events');
    const [{ name, user_ids: ids }] = JSON.parse(told.data).events;
    assert.deepEqual([name, ids.length], ['offline', 100]);
    await socket.close();
  });
});

test('whoever does not authorise itself in time is sent away with 4009, and stays away', async () => {
  const strict = await configured('authorisation_timeout = "1s"');
  const stranger = client('8.6.0', strict.port);
  const member = client('8.6.0', strict.port, authorised());
  await Promise.all([reaches(stranger, 'connected'), reaches(member, 'connected')]);
  await subscribed(member, 'private-a');
  stranger.subscribe('public');
  const error = await next(stranger.connection, 'error');
  assert.equal((error.error ?? error).data.code, 4009);
  assert.match((error.error ?? error).data.message, /^Connection not authorized within timeout/);
  await reaches(stranger, 'disconnected');
  assert.equal(member.connection.state, 'connected');
  member.disconnect();
  await strict.stop();
});
