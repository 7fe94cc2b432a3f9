// Subscribing and unsubscribing on public and private channels (protocol §1.7), on bare sockets.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { app, channelAuth, trigger } from '../harness/app.js';
import { startServer } from '../harness/program.js';
import { Socket } from '../harness/socket.js';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

/** Runs `body` with as many connections as it takes, and closes them. */
async function connected(count, body) {
  const sockets = await Promise.all(Array.from({ length: count }, () => Socket.connect(server.port)));
  await body(...sockets);
  await Promise.all(sockets.map((socket) => socket.close()));
}

describe('public channels', () => {
  test('success is answered in exactly this form', () =>
    connected(1, async (socket) => {
      socket.askFor('news');
      const { text } = await socket.next();
      assert.equal(text, '{"event":"pusher_internal:subscription_succeeded","channel":"news","data":"{}"}');
    }));

  test('every subscriber gets an event once, the others nothing', () =>
    connected(3, async (one, two, other) => {
      await one.subscribe('a');
      await two.subscribe('a');
      await other.subscribe('b');
      await trigger(server.port, 'a', 'changed', { n: 1 });
      await trigger(server.port, ['a', 'b'], 'marker', {});
      for (const socket of [one, two]) {
        const { channel, data } = await socket.next('changed');
        assert.deepEqual([channel, data], ['a', '{"n":1}']);
        await socket.next('marker');
      }
      assert.equal((await other.next('marker')).channel, 'b');
    }));

  test('the events of a channel come in the order of publishing', () =>
    connected(2, async (one, two) => {
      await one.subscribe('order');
      await two.subscribe('order');
      for (let n = 0; n < 100; n += 1) await trigger(server.port, 'order', 'n', String(n));
      for (const socket of [one, two]) {
        for (let n = 0; n < 100; n += 1) assert.equal((await socket.next('n')).data, String(n));
      }
    }));

  test('after unsubscribing nothing comes, and there is no acknowledgement', () =>
    connected(1, async (socket) => {
      await socket.subscribe('a');
      await socket.subscribe('b');
      socket.unsubscribe('a');
      await socket.nothingElse();
      await trigger(server.port, ['a', 'b'], 'marker', {});
      assert.equal((await socket.next('marker')).channel, 'b');
      await socket.nothingElse();
    }));

  test('a channel can be subscribed to again', () =>
    connected(1, async (socket) => {
      await socket.subscribe('a');
      socket.unsubscribe('a');
      await socket.subscribe('a');
      await trigger(server.port, 'a', 'once', {});
      await socket.next('once');
      await socket.nothingElse();
    }));

  test('a second subscription is refused by name and counts once', () =>
    connected(1, async (socket) => {
      await socket.subscribe('a');
      socket.askFor('a');
      const { error } = await socket.refusal();
      assert.deepEqual(error, { code: null, message: 'Existing subscription to channel a' });
      await trigger(server.port, 'a', 'once', {});
      await socket.next('once');
      await socket.nothingElse();
      socket.unsubscribe('a');
      await socket.subscribe('b');
      await trigger(server.port, ['a', 'b'], 'marker', {});
      assert.equal((await socket.next('marker')).channel, 'b');
    }));

  test('a second unsubscribe is harmless', () =>
    connected(1, async (socket) => {
      await socket.subscribe('a');
      socket.unsubscribe('a');
      socket.unsubscribe('a');
      const { error } = await socket.refusal();
      assert.deepEqual(error, {
        code: null,
        message: 'No current subscription to channel a, or subscription in progress',
      });
      await socket.subscribe('a');
    }));

  test('trap 17: null fields of the Ruby client are absent fields', () =>
    connected(1, async (socket) => {
      socket.send('{"event":"pusher:subscribe","data":{"channel":"c","auth":null,"channel_data":null}}');
      await socket.next('pusher_internal:subscription_succeeded');
    }));

  test('trap 01, trap 06: every message has data, a string but in errors, and none a null channel', () =>
    connected(1, async (socket) => {
      socket.askFor('a');
      socket.askFor('a');
      socket.askFor('private-a', { auth: 'wrong' });
      socket.askFor('presence-a', { data: { user_id: 'u' } });
      socket.send({ event: 'pusher:ping' });
      const messages = [];
      do messages.push(await socket.next());
      while (messages.at(-1).event !== 'pusher:pong');
      assert.equal(messages.length, 6);
      for (const { event, data, channel, text } of messages) {
        assert.equal(typeof data, event === 'pusher:error' ? 'object' : 'string', text);
        assert.notEqual(data, null, text);
        assert.notEqual(channel, null, text);
      }
    }));
});

describe('channel names', () => {
  const long = 'a'.repeat(164);
  for (const name of ['A', 'a_b-c=d@e,f.g;h', '0', long, 'presence', 'private', 'cache-x', 'private-encrypted-x']) {
    test(`${name.slice(0, 30)} is one`, () => connected(1, (socket) => socket.subscribe(name)));
  }

  for (const [what, name] of Object.entries({
    empty: '',
    'a space': 'a b',
    'a slash': 'a/b',
    'a colon': 'a:b',
    'a letter beyond ASCII': 'grün',
    'too long': `${long}a`,
    'a reserved hash': '#other',
    'a reserved hash that looks like a user': '#server-to-user-',
  })) {
    test(`${what} is refused, with the channel named`, () =>
      connected(1, async (socket) => {
        socket.askFor(name);
        const { error, subscription } = await socket.refusal();
        assert.equal(error.code, null);
        assert.equal(subscription.channel, name);
        assert.equal(subscription.status, 400);
        await socket.nothingElse();
      }));
  }
});

describe('private channels', () => {
  test('a signed subscription succeeds and gets events', () =>
    connected(1, async (socket) => {
      assert.deepEqual(await socket.subscribe('private-a'), {});
      await trigger(server.port, 'private-a', 'secret', 'x');
      assert.equal((await socket.next('secret')).data, 'x');
    }));

  test('trap 04: channel_data is part of the signed text on every channel', () =>
    connected(1, async (socket) => {
      const data = '{"user_id":"1"}';
      await socket.subscribe('private-a', { data });
      // Signed without it, although it is sent:
      socket.askFor('private-b', { data, auth: channelAuth(socket.id, 'private-b') });
      const { error } = await socket.refusal();
      assert.match(error.message, /^Invalid signature: /);
    }));

  test('trap 05: success on an encrypted channel is exactly {}', () =>
    connected(1, async (socket) => {
      socket.askFor('private-encrypted-a');
      const { data, text } = await socket.next('pusher_internal:subscription_succeeded');
      assert.equal(data, '{}', text);
    }));

  const wrong = {
    'a signature of another channel': (id) => channelAuth(id, 'private-b'),
    'a signature of another connection': () => channelAuth('1.2', 'private-a'),
    'a signature that is cut': (id) => channelAuth(id, 'private-a').slice(0, -1),
    'a signature that is longer': (id) => `${channelAuth(id, 'private-a')}0`,
    'no hex': () => `${app.key}:${'z'.repeat(64)}`,
    'only the key': () => app.key,
    'nothing': () => '',
    'null': () => null,
  };
  for (const [what, auth] of Object.entries(wrong)) {
    test(`${what} is refused in both forms, and nothing is received`, () =>
      connected(1, async (socket) => {
        socket.askFor('private-a', { auth: auth(socket.id) });
        const { error, subscription } = await socket.refusal();
        assert.equal(error.code, null);
        assert.equal(subscription.channel, 'private-a');
        assert.equal(subscription.type, 'AuthError');
        assert.equal(subscription.status, 401);
        assert.equal(subscription.error, error.message);
        await socket.subscribe('public');
        await trigger(server.port, ['private-a', 'public'], 'marker', {});
        assert.equal((await socket.next('marker')).channel, 'public');
        await socket.nothingElse();
      }));
  }

  test('a wrong signature is answered with the text that was to be signed, never its digest', () =>
    connected(1, async (socket) => {
      const given = '0'.repeat(64);
      socket.askFor('private-a', { auth: `${app.key}:${given}` });
      const { error, text } = await socket.refusal();
      assert.equal(
        error.message,
        `Invalid signature: Expected HMAC SHA256 hex digest of ${socket.id}:private-a, but got ${given}`,
      );
      assert.ok(!text.includes(channelAuth(socket.id, 'private-a').split(':')[1]), text);
    }));

  test('the key of another app is refused by name', () =>
    connected(1, async (socket) => {
      socket.askFor('private-a', { auth: `other:${'0'.repeat(64)}` });
      const { error } = await socket.refusal();
      assert.deepEqual(error, { code: null, message: "Invalid key in subscription auth data: 'other'" });
    }));

  test('after a refusal the right signature succeeds', () =>
    connected(1, async (socket) => {
      socket.askFor('private-a', { auth: 'x:y' });
      await socket.refusal();
      await socket.subscribe('private-a');
    }));
});
