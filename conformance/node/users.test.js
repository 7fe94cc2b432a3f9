// Signing in, and events to one user (protocol §1.13).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { app, trigger, userAuth } from '../harness/app.js';
import { startServer } from '../harness/program.js';
import { Socket } from '../harness/socket.js';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

const connect = () => Socket.connect(server.port);
const closeAll = (...sockets) => Promise.all(sockets.map((socket) => socket.close()));
const channelOf = (id) => `#server-to-user-${id}`;

const signIn = (socket, userData, auth = userAuth(socket.id, userData)) =>
  socket.send({ event: 'pusher:signin', data: { auth, user_data: userData } });

test('success echoes the very text that was signed', async () => {
  const socket = await connect();
  const userData = '{ "id":"12345","user_info" : {"name":"x"} }';
  signIn(socket, userData);
  assert.deepEqual(JSON.parse((await socket.next('pusher:signin_success')).data), { user_data: userData });
  await socket.close();
});

test('a signed-in user gets what is sent to it, on all its connections, and nobody else does', async () => {
  const [one, two, other] = [await connect(), await connect(), await connect()];
  for (const socket of [one, two]) {
    await socket.signIn({ id: 'u1' });
    // The client subscribes by itself, without a signature.
    await socket.subscribe(channelOf('u1'), { auth: '' });
  }
  await other.signIn({ id: 'u2' });
  await other.subscribe(channelOf('u2'));
  await trigger(server.port, channelOf('u1'), 'dm', { k: 1 });
  await trigger(server.port, channelOf('u2'), 'marker', {});
  for (const socket of [one, two]) {
    assert.equal((await socket.next()).text, '{"event":"dm","channel":"#server-to-user-u1","data":"{\\"k\\":1}"}');
  }
  await other.next('marker');
  await closeAll(one, two, other);
});

test('signing in again as the same user is allowed, as another is not', async () => {
  const socket = await connect();
  await socket.signIn({ id: 'u1' });
  await socket.signIn({ id: 'u1', user_info: {} });
  signIn(socket, '{"id":"u2"}');
  assert.equal((await socket.refusal()).error.code, null);
  await socket.subscribe(channelOf('u1'));
  await socket.close();
});

describe("a user's channel is refused", () => {
  test('to a connection that has not signed in', async () => {
    const socket = await connect();
    socket.askFor(channelOf('u1'));
    const { subscription } = await socket.refusal();
    assert.equal(subscription.channel, channelOf('u1'));
    await socket.nothingElse();
    await socket.close();
  });

  test('to another user, who then receives nothing', async () => {
    const socket = await connect();
    await socket.signIn({ id: 'u2' });
    socket.askFor(channelOf('u1'));
    await socket.refusal();
    await socket.subscribe('public');
    await trigger(server.port, [channelOf('u1'), 'public'], 'marker', {});
    assert.equal((await socket.next('marker')).channel, 'public');
    await socket.nothingElse();
    await socket.close();
  });
});

describe('a sign-in is refused, and the connection is kept', () => {
  const good = '{"id":"u1"}';
  for (const [what, message] of Object.entries({
    'with a wrong signature': () => ({ auth: `${app.key}:${'0'.repeat(64)}`, user_data: good }),
    'with the signature of another connection': () => ({ auth: userAuth('1.2', good), user_data: good }),
    'with the signature of other data': (id) => ({ auth: userAuth(id, '{"id":"u2"}'), user_data: good }),
    'with another key': (id) => ({ auth: userAuth(id, good).replace(app.key, 'other'), user_data: good }),
    'without a signature': () => ({ user_data: good }),
    'with data that is no JSON': (id) => ({ auth: userAuth(id, 'hello'), user_data: 'hello' }),
    'with an id that is empty': (id) => ({ auth: userAuth(id, '{"id":""}'), user_data: '{"id":""}' }),
    'with an id that is a number': (id) => ({ auth: userAuth(id, '{"id":7}'), user_data: '{"id":7}' }),
    'without an id': (id) => ({ auth: userAuth(id, '{}'), user_data: '{}' }),
  })) {
    test(what, async () => {
      const socket = await connect();
      socket.send({ event: 'pusher:signin', data: message(socket.id) });
      const { error } = await socket.refusal();
      assert.equal(error.code, null);
      socket.askFor(channelOf('u1'));
      await socket.refusal();
      await socket.nothingElse();
      await socket.close();
    });
  }

  test('without user data', async () => {
    const socket = await connect();
    socket.send({ event: 'pusher:signin', data: { auth: 'a:b' } });
    const { error } = await socket.refusal();
    assert.deepEqual(error, { code: null, message: 'Missing parameter: data.user' });
    await socket.close();
  });
});

test('a signed-in connection joins a presence channel without channel_data, as its user', async () => {
  const socket = await connect();
  await socket.signIn({ id: 'u1', user_info: { name: 'x' } });
  const { presence } = await socket.subscribe('presence-signed-in');
  assert.deepEqual(presence, { count: 1, ids: ['u1'], hash: { u1: { name: 'x' } } });
  await socket.close();
});
