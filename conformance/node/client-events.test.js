// Events that clients send to each other, and every rule about them (protocol §1.9).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { trigger } from '../harness/app.js';
import { startServer } from '../harness/program.js';
import { Socket } from '../harness/socket.js';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

const connect = () => Socket.connect(server.port);
const closeAll = (...sockets) => Promise.all(sockets.map((socket) => socket.close()));

/** Two connections that are subscribed to `channel`. */
async function pair(channel) {
  const sockets = [await connect(), await connect()];
  for (const socket of sockets) await socket.subscribe(channel);
  return sockets;
}

describe('delivery', () => {
  test('everybody but the sender gets it', async () => {
    const [sender, one] = await pair('private-a');
    const two = await connect();
    await two.subscribe('private-a');
    sender.clientEvent('private-a', 'client-hello', { n: 1 });
    for (const socket of [one, two]) {
      const { text } = await socket.next();
      assert.equal(text, '{"event":"client-hello","channel":"private-a","data":"{\\"n\\":1}"}');
    }
    // Whatever the sender was to get would come before the channel's next event.
    await trigger(server.port, 'private-a', 'marker', {});
    await sender.next('marker');
    await closeAll(sender, one, two);
  });

  for (const [what, sent, received] of [
    ['an object is forwarded as its text', '{"a": [1, null]}', '{"a": [1, null]}'],
    ['a string is forwarded unchanged', '"{\\"a\\":1}"', '{"a":1}'],
    ['a string need not be JSON', '"hello"', 'hello'],
    ['characters beyond ASCII stay what they are', '"gr\\u00fcn 😀"', 'grün 😀'],
    ['a number is forwarded as its text', '42', '42'],
  ]) {
    test(what, async () => {
      const [sender, receiver] = await pair('private-data');
      sender.send(`{"event":"client-x","channel":"private-data","data":${sent}}`);
      const { data } = await receiver.next('client-x');
      assert.equal(typeof data, 'string');
      const same = data === received || isSameJson(data, received);
      assert.ok(same, `${data} instead of ${received}`);
      await closeAll(sender, receiver);
    });
  }

  test('on presence channels it says which user sent it', async () => {
    const [sender, receiver] = [await connect(), await connect()];
    await receiver.subscribe('presence-a', { data: { user_id: 'r' } });
    await sender.subscribe('presence-a', { data: { user_id: 5 } });
    await receiver.next('pusher_internal:member_added');
    sender.clientEvent('presence-a', 'client-typing', {});
    const { user_id: userId, data } = await receiver.next('client-typing');
    assert.deepEqual([userId, data], ['5', '{}']);
    await closeAll(sender, receiver);
  });

  test('nobody can pretend to be another user', async () => {
    const [sender, receiver] = [await connect(), await connect()];
    await receiver.subscribe('presence-b', { data: { user_id: 'r' } });
    await sender.subscribe('presence-b', { data: { user_id: 's' } });
    await receiver.next('pusher_internal:member_added');
    sender.send({ event: 'client-x', channel: 'presence-b', data: {}, user_id: 'admin' });
    assert.equal((await receiver.next('client-x')).user_id, 's');
    await closeAll(sender, receiver);
  });

  test('the sender keeps its order', async () => {
    const [sender, receiver] = await pair('private-order');
    for (let n = 0; n < 10; n += 1) sender.clientEvent('private-order', 'client-n', String(n));
    for (let n = 0; n < 10; n += 1) assert.equal((await receiver.next('client-n')).data, String(n));
    await closeAll(sender, receiver);
  });
});

describe('refused, and nobody gets it', () => {
  /** `sender` and `receiver` are subscribed to a private and a public channel. */
  for (const [what, message, expected] of [
    [
      'on a public channel',
      { event: 'client-x', channel: 'public', data: {} },
      /private or presence/,
    ],
    [
      'on a channel the sender is not subscribed to',
      { event: 'client-x', channel: 'private-other', data: {} },
      /^Cannot broadcast client event \(connection not subscribed to channel private-other\)$/,
    ],
    ['without a channel', { event: 'client-x', data: {} }, /^Invalid client event \(must contain channel and data\)$/],
    ['without data', { event: 'client-x', channel: 'private-a' }, /^Invalid client event \(must contain channel and data\)$/],
    [
      'with a name that does not start with client-',
      { event: 'my-event', channel: 'private-a', data: {} },
      /^Unsupported event received on socket: my-event$/,
    ],
    [
      'with a name of the protocol',
      { event: 'pusher_internal:member_added', channel: 'private-a', data: { user_id: 'x' } },
      /^Unsupported event received on socket: pusher_internal:member_added$/,
    ],
    ['with data over 10,240 bytes', { event: 'client-x', channel: 'private-a', data: 'x'.repeat(10_241) }, /10240/],
    ['with a name over 200 characters', { event: `client-${'x'.repeat(194)}`, channel: 'private-a', data: {} }, /200/],
  ]) {
    test(what, async () => {
      const [sender, receiver] = await pair('private-a');
      for (const socket of [sender, receiver]) await socket.subscribe('public');
      sender.send(message);
      const { error } = await sender.refusal();
      assert.equal(error.code, null);
      assert.match(error.message, expected);
      await trigger(server.port, ['private-a', 'public'], 'marker', {});
      await receiver.next('marker');
      await receiver.next('marker');
      await closeAll(sender, receiver);
    });
  }

  test('on the channel of a user', async () => {
    const socket = await connect();
    await socket.signIn({ id: 'u' });
    await socket.subscribe('#server-to-user-u');
    socket.clientEvent('#server-to-user-u', 'client-x', {});
    assert.equal((await socket.refusal()).error.code, null);
    await socket.close();
  });

  test('after unsubscribing', async () => {
    const [sender, receiver] = await pair('private-left');
    sender.unsubscribe('private-left');
    sender.clientEvent('private-left', 'client-x', {});
    assert.match((await sender.refusal()).error.message, /not subscribed to channel private-left/);
    await trigger(server.port, 'private-left', 'marker', {});
    await receiver.next('marker');
    await closeAll(sender, receiver);
  });
});

test('10,240 bytes of data are allowed', async () => {
  const [sender, receiver] = await pair('private-large');
  const data = 'x'.repeat(10_240);
  sender.clientEvent('private-large', 'client-x', data);
  assert.equal((await receiver.next('client-x')).data, data);
  await closeAll(sender, receiver);
});

test('a server that has them switched off says so', async () => {
  const strict = await startServer('--no-client-events');
  const socket = await Socket.connect(strict.port);
  await socket.subscribe('private-a');
  socket.clientEvent('private-a', 'client-x', {});
  const { error } = await socket.refusal();
  assert.deepEqual(error, {
    code: null,
    message: 'To send client events, you must enable this feature in the Settings page of your dashboard.',
  });
  await strict.stop();
});

describe('the rate', () => {
  test('more than ten in a second are dropped with 4301 and the connection is kept', async () => {
    const [sender, receiver] = await pair('private-rate');
    for (let n = 0; n < 30; n += 1) sender.clientEvent('private-rate', 'client-n', String(n));
    await trigger(server.port, 'private-rate', 'marker', {});
    const refusals = [];
    let message;
    // The marker was published after all of them were sent, but may overtake some of the refusals.
    for (let markers = 0; markers === 0 || refusals.length < 20; ) {
      message = await sender.next();
      if (message.event === 'marker') markers += 1;
      else refusals.push(message);
    }
    for (const refusal of refusals) {
      assert.equal(refusal.event, 'pusher:error', refusal.text);
      assert.equal(refusal.data.code, 4301, refusal.text);
    }
    const delivered = [];
    for (message = await receiver.next(); message.event === 'client-n'; message = await receiver.next()) {
      delivered.push(message.data);
    }
    assert.deepEqual(delivered, Array.from({ length: 10 }, (_, n) => String(n)));
    await sender.nothingElse();
    await closeAll(sender, receiver);
  });

  test('pings and subscriptions do not count', async () => {
    const [sender, receiver] = await pair('private-pings');
    for (let n = 0; n < 30; n += 1) {
      await sender.nothingElse();
      await sender.subscribe(`other-${n}`);
    }
    for (let n = 0; n < 10; n += 1) sender.clientEvent('private-pings', 'client-n', String(n));
    for (let n = 0; n < 10; n += 1) await receiver.next('client-n');
    await sender.nothingElse();
    await closeAll(sender, receiver);
  });

  test('another connection of the same user has its own', async () => {
    const [one, two] = await pair('private-each');
    const receiver = await connect();
    await receiver.subscribe('private-each');
    for (let n = 0; n < 10; n += 1) one.clientEvent('private-each', 'client-one', String(n));
    for (let n = 0; n < 10; n += 1) await receiver.next('client-one');
    for (let n = 0; n < 10; n += 1) two.clientEvent('private-each', 'client-two', String(n));
    for (let n = 0; n < 10; n += 1) await receiver.next('client-two');
    await closeAll(one, two, receiver);
  });
});

function isSameJson(one, two) {
  try {
    return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(two));
  } catch {
    return false;
  }
}
