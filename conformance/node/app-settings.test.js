// What an app can switch on, and its quotas, as the unmodified pusher-js sees them.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { post, trigger, userAuth } from '../harness/app.js';
import { startAuthority } from '../harness/authority.js';
import { builds, client, next, reaches, subscribed } from '../harness/clients.js';
import { startConfigured } from '../harness/configured.js';
import { Socket } from '../harness/socket.js';
import { Inbox } from '../harness/waiting.js';

const versions = Object.keys(builds);
// Older ones can neither sign in nor show who is online.
const newest = versions.at(-1);

let open = [];
afterEach(() => {
  open.forEach((pusher) => pusher.disconnect());
  open = [];
});

function start(version, server, settings) {
  const pusher = client(version, server.port, settings);
  open.push(pusher);
  return pusher;
}

async function connect(version, server, settings) {
  const pusher = start(version, server, settings);
  await reaches(pusher, 'connected');
  return pusher;
}

/** The code of an error, wherever the version puts it. */
const codeOf = (error) => error.data?.code ?? error.error?.data?.code;

describe('subscription counts', () => {
  let server;
  before(async () => (server = await startConfigured('subscription_counts = true')));
  after(() => server.stop());

  test(`pusher-js ${newest} is told how many are listening`, async () => {
    const pusher = await connect(newest, server);
    const inbox = new Inbox();
    const channel = pusher.subscribe('news');
    channel.bind('pusher:subscription_count', (data) => inbox.put(data));
    const hears = async (count) => {
      assert.deepEqual(await inbox.take(`the count ${count}`), { subscription_count: count });
      assert.equal(channel.subscriptionCount, count);
    };
    await hears(1);
    const other = await connect(newest, server);
    await subscribed(other, 'news');
    await hears(2);
    other.unsubscribe('news');
    await hears(1);
    other.subscribe('news');
    await hears(2);
    other.disconnect();
    await hears(1);
  });

  test(`pusher-js ${versions[0]}, which knows nothing of counts, is not disturbed`, async () => {
    const channel = await subscribed(await connect(versions[0], server), 'old');
    const events = new Inbox();
    channel.bind_global((event) => events.put(event));
    await subscribed(await connect(versions[0], server), 'old');
    await trigger(server.port, 'old', 'marker', {});
    assert.equal(await events.take(), 'marker');
  });

  test('trap 05: an encrypted channel hears nothing of it, and a presence channel has members', async () => {
    const socket = await Socket.connect(server.port);
    await socket.subscribe('private-encrypted-room');
    await socket.subscribe('presence-room', { data: { user_id: 'u1' } });
    await socket.nothingElse();
    await socket.close();
  });
});

describe('watchlists', () => {
  let server;
  before(async () => (server = await startConfigured('watchlists = true')));
  after(() => server.stop());

  /** Settings by which a client signs in as this user. */
  const as = (id, watchlist) => ({
    userAuthentication: {
      customHandler({ socketId }, callback) {
        const userData = JSON.stringify({ id, watchlist });
        callback(null, { auth: userAuth(socketId, userData), user_data: userData });
      },
    },
  });

  /** A client that signs in, and what it is told of others from then on. */
  async function signIn(id, watchlist) {
    const pusher = await connect(newest, server, as(id, watchlist));
    const inbox = new Inbox();
    for (const name of ['online', 'offline']) {
      pusher.user.watchlist.bind(name, (event) => inbox.put([event.name, event.user_ids]));
    }
    const errors = new Inbox();
    pusher.connection.bind('error', (error) => errors.put(codeOf(error)));
    pusher.signin();
    await pusher.user.signinDonePromise;
    return { pusher, inbox, errors };
  }

  test('a client is told who is online, and who comes and goes', async () => {
    const { pusher: cid } = await signIn('cid');
    const { inbox } = await signIn('ann', ['bob', 'cid']);
    assert.deepEqual(await inbox.take(), ['online', ['cid']]);
    assert.deepEqual(await inbox.take(), ['offline', ['bob']]);
    const bobs = [await signIn('bob'), await signIn('bob')];
    assert.deepEqual(await inbox.take(), ['online', ['bob']]);
    cid.disconnect();
    assert.deepEqual(await inbox.take(), ['offline', ['cid']]);
    // Of two connections the last one counts.
    bobs.forEach(({ pusher }) => pusher.disconnect());
    assert.deepEqual(await inbox.take(), ['offline', ['bob']]);
    assert.deepEqual(inbox.waiting, []);
  });

  test('of a list that is too long the first hundred are watched, and an error says so', async () => {
    const many = Array.from({ length: 101 }, (_, number) => `u${number}`);
    const { pusher, inbox, errors } = await signIn('dan', many);
    assert.deepEqual(await inbox.take(), ['offline', many.slice(0, 100)]);
    assert.equal(await errors.take(), 4302);
    assert.equal(pusher.connection.state, 'connected');
  });
});

describe('authorised connections', () => {
  let server;
  let authority;
  before(async () => {
    [server, authority] = await Promise.all([startConfigured('authorisation_timeout = "1s"'), startAuthority()]);
  });
  after(async () => {
    authority.stop();
    await server.stop();
  });

  for (const version of versions) {
    test(`pusher-js ${version} stays disconnected when it has not authorised itself in time`, async () => {
      const member = await connect(version, server, { authority, user: 'u1' });
      const channel = await subscribed(member, 'private-room');
      const stranger = await connect(version, server);
      const error = next(stranger.connection, 'error');
      await subscribed(stranger, 'public');
      assert.equal(codeOf(await error), 4009);
      await reaches(stranger, 'disconnected');
      const marker = next(channel, 'marker');
      await trigger(server.port, 'private-room', 'marker', {});
      await marker;
      assert.equal(member.connection.state, 'connected');
    });
  }
});

describe('quotas', () => {
  let server;
  before(async () => (server = await startConfigured('[apps.limits]\nconnections = 1\nevents_per_second = 0')));
  after(() => server.stop());

  for (const version of versions) {
    test(`pusher-js ${version} stays disconnected when the app has all its connections`, async () => {
      const first = await connect(version, server);
      const second = start(version, server);
      assert.equal(codeOf(await next(second.connection, 'error')), 4004);
      await reaches(second, 'disconnected');
      first.disconnect();
      // The place is free as soon as the server has seen that.
      for (let socket; socket === undefined;) {
        const candidate = new Socket(server.port);
        await candidate.opened;
        const { event } = await candidate.next();
        if (event === 'pusher:connection_established') socket = candidate;
        else await candidate.closed;
        await socket?.close();
      }
    });
  }

  test('an event beyond the quota is refused with 429 and a text', async () => {
    const { status, text } = await post(server.port, { name: 'e', channels: ['news'], data: '{}' });
    assert.equal(status, 429);
    assert.equal(text, 'Too many events: the application publishes at most 0 in a second');
  });
});
