// Presence channels: one member per user, whatever the number of connections (protocol §1.8).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { channelAuth, trigger } from '../harness/app.js';
import { startServer } from '../harness/program.js';
import { Socket } from '../harness/socket.js';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

const connect = () => Socket.connect(server.port);
const closeAll = (...sockets) => Promise.all(sockets.map((socket) => socket.close()));

/** Joins and returns the members told. */
const join = async (socket, channel, user_id, user_info) =>
  (await socket.subscribe(channel, { data: { user_id, user_info } })).presence;

const added = async (socket) => JSON.parse((await socket.next('pusher_internal:member_added')).data);
const removed = async (socket) => JSON.parse((await socket.next('pusher_internal:member_removed')).data);

test('the one who joins is told everybody, itself included', async () => {
  const [one, two] = [await connect(), await connect()];
  assert.deepEqual(await join(one, 'presence-a', 'u1', { name: 'x' }), {
    count: 1,
    ids: ['u1'],
    hash: { u1: { name: 'x' } },
  });
  const presence = await join(two, 'presence-a', 'u2');
  assert.deepEqual(presence.ids.sort(), ['u1', 'u2']);
  assert.deepEqual(presence, { count: 2, ids: presence.ids, hash: { u1: { name: 'x' }, u2: null } });
  await closeAll(one, two);
});

test('trap 07: ids are strings and ids, hash and count are all there', async () => {
  const socket = await connect();
  const presence = await join(socket, 'presence-trap7', 10, { name: 'Mr. Channels' });
  assert.deepEqual(presence, { count: 1, ids: ['10'], hash: { 10: { name: 'Mr. Channels' } } });
  await socket.close();
});

test('the others learn who comes and who goes; the joiner is not told about itself', async () => {
  const [one, two] = [await connect(), await connect()];
  await join(one, 'presence-b', 'u1');
  await join(two, 'presence-b', 'u2', { name: 'y' });
  assert.deepEqual(await added(one), { user_id: 'u2', user_info: { name: 'y' } });
  await two.nothingElse();
  two.unsubscribe('presence-b');
  assert.deepEqual(await removed(one), { user_id: 'u2' });
  await two.nothingElse();
  await closeAll(one, two);
});

test('a user with several connections comes once and goes once', async () => {
  const [observer, first, second, third] = [await connect(), await connect(), await connect(), await connect()];
  await join(observer, 'presence-tabs', 'observer');
  await join(first, 'presence-tabs', 'u', { tab: 1 });
  assert.deepEqual(await added(observer), { user_id: 'u', user_info: { tab: 1 } });
  // What the first connection said of the user stands until the user has left.
  const presence = await join(second, 'presence-tabs', 'u', { tab: 2 });
  assert.equal(presence.count, 2);
  assert.deepEqual(presence.hash.u, { tab: 1 });
  await join(third, 'presence-tabs', 'u');
  await first.close();
  second.unsubscribe('presence-tabs');
  await second.nothingElse();
  await trigger(server.port, 'presence-tabs', 'marker', {});
  for (const socket of [observer, third]) await socket.next('marker');
  await third.close();
  assert.deepEqual(await removed(observer), { user_id: 'u' });
  await closeAll(observer, second);
});

test('a number and its text are the same user', async () => {
  const [observer, number, text] = [await connect(), await connect(), await connect()];
  await join(observer, 'presence-number', 'observer');
  await join(number, 'presence-number', 7);
  assert.equal((await added(observer)).user_id, '7');
  assert.equal((await join(text, 'presence-number', '7')).count, 2);
  await closeAll(number, text);
  assert.deepEqual(await removed(observer), { user_id: '7' });
  await observer.nothingElse();
  await observer.close();
});

test('user ids of any characters come back as they were', async () => {
  const [observer, socket] = [await connect(), await connect()];
  await join(observer, 'presence-odd', 'observer');
  const id = 'grün "quoted" \\ \u2028 😀';
  const presence = await join(socket, 'presence-odd', id, { 'k"': ['\n'] });
  assert.ok(presence.ids.includes(id));
  assert.deepEqual(presence.hash[id], { 'k"': ['\n'] });
  assert.deepEqual(await added(observer), { user_id: id, user_info: { 'k"': ['\n'] } });
  await socket.close();
  assert.deepEqual(await removed(observer), { user_id: id });
  await observer.close();
});

test('the exact text of channel_data is what is signed', async () => {
  const socket = await connect();
  const data = '{ "user_info": {"a":1.0} ,"user_id" : "spaced" }';
  assert.deepEqual((await socket.subscribe('presence-text', { data })).presence.ids, ['spaced']);
  await socket.close();
});

test('a second subscription is refused and does not count', async () => {
  const [observer, socket] = [await connect(), await connect()];
  await join(observer, 'presence-twice', 'observer');
  await join(socket, 'presence-twice', 'u');
  await added(observer);
  socket.askFor('presence-twice', { data: { user_id: 'other' } });
  const { error } = await socket.refusal();
  assert.match(error.message, /^Existing subscription to channel presence-twice/);
  socket.unsubscribe('presence-twice');
  assert.deepEqual(await removed(observer), { user_id: 'u' });
  await observer.nothingElse();
  await closeAll(observer, socket);
});

describe('refused, and nobody is told', () => {
  for (const [what, data, status] of [
    ['channel_data that is no JSON', 'hello', 400],
    ['channel_data without user_id', '{"user_info":{}}', 400],
    ['user_id null', '{"user_id":null}', 400],
    ['user_id an object', '{"user_id":{}}', 400],
    ['user_id true', '{"user_id":true}', 400],
    ['an empty user_id', '{"user_id":""}', 400],
    ['a user_id of 129 characters', JSON.stringify({ user_id: 'x'.repeat(129) }), 413],
    ['user_info over 1 KB', JSON.stringify({ user_id: 'u', user_info: 'x'.repeat(1_100) }), 413],
  ]) {
    test(what, async () => {
      const [observer, socket] = [await connect(), await connect()];
      await join(observer, 'presence-refused', 'observer');
      socket.askFor('presence-refused', { data });
      const { error, subscription } = await socket.refusal();
      assert.equal(error.code, null);
      assert.equal(subscription.channel, 'presence-refused');
      assert.equal(subscription.status, status, subscription.text);
      await trigger(server.port, 'presence-refused', 'marker', {});
      await observer.next('marker');
      await closeAll(observer, socket);
    });
  }

  test('no channel_data, when not signed in', async () => {
    const socket = await connect();
    socket.askFor('presence-refused');
    const { subscription } = await socket.refusal();
    assert.equal(subscription.status, 401);
    await socket.close();
  });

  test('channel_data that was not signed', async () => {
    const socket = await connect();
    socket.askFor('presence-refused', { data: { user_id: 'u' }, auth: channelAuth(socket.id, 'presence-refused') });
    const { error } = await socket.refusal();
    assert.match(error.message, /^Invalid signature: Expected HMAC SHA256 hex digest of /);
    await socket.close();
  });
});

test('128 characters and 1 KB are allowed', async () => {
  const socket = await connect();
  const id = 'ü'.repeat(128);
  assert.deepEqual((await join(socket, 'presence-most', id, 'x'.repeat(1_022))).ids, [id]);
  await socket.close();
});

test('the 101st member is refused, and comes in when another has left', async () => {
  const sockets = await Promise.all(Array.from({ length: 101 }, connect));
  const [last, ...members] = sockets;
  await Promise.all(members.map((socket, index) => socketJoins(socket, `u${index}`)));
  last.askFor('presence-full', { data: { user_id: 'late' } });
  const { subscription } = await last.refusal();
  assert.equal(subscription.channel, 'presence-full');
  assert.match(subscription.error, /100/);
  // A further connection of a member is no further member.
  assert.equal((await join(last, 'presence-full', 'u5')).count, 100);
  last.unsubscribe('presence-full');
  members[0].unsubscribe('presence-full');
  await members[0].nothingElsePast('pusher_internal:member_added');
  assert.equal((await join(last, 'presence-full', 'late')).count, 100);
  await closeAll(...sockets);

  async function socketJoins(socket, user_id) {
    socket.askFor('presence-full', { data: { user_id } });
    // Others may join before this one is answered, but it learns of them only afterwards.
    await socket.next('pusher_internal:subscription_succeeded');
  }
});
