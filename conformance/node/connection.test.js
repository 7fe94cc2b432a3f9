// Connecting, staying connected and being refused (protocol §1.1-1.6, 1.14), on bare sockets.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { app, trigger } from '../harness/app.js';
import { startServer } from '../harness/program.js';
import { Socket, path } from '../harness/socket.js';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

describe('connecting', () => {
  test('the first message names the connection and its timeout', async () => {
    const socket = new Socket(server.port);
    const { data, text } = await socket.next('pusher:connection_established');
    assert.equal(typeof data, 'string', text);
    const established = JSON.parse(data);
    assert.deepEqual(Object.keys(established).sort(), ['activity_timeout', 'socket_id']);
    assert.match(established.socket_id, /^\d+\.\d+$/);
    assert.equal(established.activity_timeout, 120);
    await socket.close();
  });

  test('no two connections have the same socket id', async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => Socket.connect(server.port)));
    assert.equal(new Set(sockets.map((socket) => socket.id)).size, 50);
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  test('trap 03: activity_timeout is there and not zero', async () => {
    const socket = await Socket.connect(server.port);
    assert.ok(socket.activityTimeout > 0);
    await socket.close();
  });

  for (const [client, query] of Object.entries({
    'pusher-js (7)': 'protocol=7&client=js&version=8.6.0&flash=false',
    'Swift (7)': 'client=pusher-websocket-swift&version=10.1.10&protocol=7',
    'Java (5)': 'client=java-client&protocol=5&version=2.4.4',
    '.NET (5)': 'protocol=5&client=pusher-dotnet-client&version=2.3.1',
    'Pysher (6)': 'client=Pysher&version=1.0.7&protocol=6',
    'Ruby (6)': 'client=pusher-ruby-client&version=0.6&protocol=6',
  })) {
    test(`trap 13: the query of ${client} is accepted`, async () => {
      const socket = await Socket.connect(server.port, { path: path(query) });
      await socket.subscribe('news');
      await socket.close();
    });
  }

  test('trap 12: the subprotocol is echoed when it is offered', async () => {
    const socket = await Socket.connect(server.port, { protocols: ['pusher-channels-protocol-7'] });
    assert.equal(socket.protocol, 'pusher-channels-protocol-7');
    await socket.close();
  });

  test('trap 12: no subprotocol is sent when none is offered', async () => {
    const socket = await Socket.connect(server.port);
    assert.equal(socket.protocol, '');
    await socket.close();
  });

  test('trap 15: messages may come before connection_established is read', async () => {
    const socket = new Socket(server.port);
    await socket.opened;
    socket.send({ event: 'pusher:ping', data: '' });
    socket.send({ event: 'pusher:subscribe', data: { channel: 'early' } });
    await socket.next('pusher:connection_established');
    await socket.next('pusher:pong');
    await socket.next('pusher_internal:subscription_succeeded');
    await socket.close();
  });
});

describe('refused connections get an error and are closed with the same code', () => {
  for (const [what, where, code] of [
    ['an unknown app', path(undefined, 'no-such-key'), 4001],
    ['a version that is not a number', path('protocol=seven'), 4006],
    ['an empty version', path('protocol='), 4006],
    ['protocol 1', path('protocol=1'), 4007],
    ['protocol 3', path('protocol=3'), 4007],
    ['protocol 8', path('protocol=8'), 4007],
    ['no version', `/app/${app.key}`, 4008],
    ['no version but other parameters', path('client=js&version=8.6.0'), 4008],
  ]) {
    test(`trap 02: ${what}: ${code}`, async () => {
      const socket = new Socket(server.port, { path: where });
      const { data } = await socket.next('pusher:error');
      assert.equal(data.code, code);
      const closed = await socket.closed;
      assert.equal(closed.code, code);
      assert.equal(closed.reason, data.message);
    });
  }

  test('a path that is served by nobody is no WebSocket', async () => {
    await assert.rejects(new Socket(server.port, { path: '/nothing?protocol=7' }).opened, /404/);
  });
});

describe('pings', () => {
  for (const [client, ping] of Object.entries({
    'pusher-js': '{"event":"pusher:ping","data":{}}',
    Java: '{"event": "pusher:ping"}',
    Pysher: '{"event": "pusher:ping", "data": ""}',
    'data null': '{"event":"pusher:ping","data":null}',
  })) {
    test(`trap 17: a ping as of ${client} is answered`, async () => {
      const socket = await Socket.connect(server.port);
      socket.send(ping);
      const { text } = await socket.next('pusher:pong');
      assert.equal(text, '{"event":"pusher:pong","data":"{}"}');
      await socket.close();
    });
  }

  test('a pong that nobody asked for is ignored', async () => {
    const socket = await Socket.connect(server.port);
    socket.send({ event: 'pusher:pong', data: {} });
    await socket.nothingElse();
    await socket.close();
  });

  test('a ping frame is answered with its own payload', async () => {
    const socket = await Socket.connect(server.port);
    assert.equal(await socket.controlPing('are you there'), 'are you there');
    await socket.close();
  });
});

describe('silence', () => {
  let impatient;
  before(async () => (impatient = await startServer('--activity-timeout', '1', '--pong-timeout', '1')));
  after(() => impatient.stop());

  test('the activity timeout of the command line is told to clients', async () => {
    const socket = await Socket.connect(impatient.port);
    assert.equal(socket.activityTimeout, 1);
    await socket.close();
  });

  test('trap 14: a silent client is pinged with a ping frame, and kept when it answers', async () => {
    const socket = await Socket.connect(impatient.port);
    const halfOpen = await Socket.connect(impatient.port, { autoPong: false });
    // The server gives this one up after its ping; the other one was pinged no later.
    await halfOpen.closed;
    assert.ok(socket.pings > 0, 'no ping frame came');
    await socket.nothingElse();
    await socket.close();
  });

  test('a half-open connection that never answers is closed with 4201', async () => {
    const socket = await Socket.connect(impatient.port, { autoPong: false });
    const { data } = await socket.next('pusher:error');
    assert.equal(data.code, 4201);
    assert.equal((await socket.closed).code, 4201);
    assert.equal(socket.pings, 1);
  });
});

describe('malformed messages are refused and the connection is kept', () => {
  const nested = '['.repeat(5_000) + ']'.repeat(5_000);
  for (const [what, text] of Object.entries({
    'no JSON': 'hello',
    'half a message': '{"event":"pusher:subscribe"',
    'an empty message': '',
    'an array': '[]',
    'a number': '42',
    null: 'null',
    'no event': '{"data":{}}',
    'an event that is a number': '{"event":7,"data":{}}',
    'a subscription without data': '{"event":"pusher:subscribe"}',
    'a subscription whose data is null': '{"event":"pusher:subscribe","data":null}',
    'a subscription without a channel': '{"event":"pusher:subscribe","data":{}}',
    'a subscription to a number': '{"event":"pusher:subscribe","data":{"channel":5}}',
    'channel_data that is an object':
      '{"event":"pusher:subscribe","data":{"channel":"presence-a","auth":"a:b","channel_data":{"user_id":"1"}}}',
    'deep nesting': `{"event":"client-x","channel":"private-a","data":${nested}}`,
    'a lone surrogate in the channel': '{"event":"pusher:subscribe","data":{"channel":"\\ud800"}}',
  })) {
    test(what, async () => {
      const socket = await Socket.connect(server.port);
      socket.send(text);
      const { error } = await socket.refusal();
      assert.equal(error.code, null);
      assert.ok(error.message.length > 0);
      await socket.subscribe('still-here');
      await socket.close();
    });
  }

  test('an event that is not of the protocol is named', async () => {
    const socket = await Socket.connect(server.port);
    socket.send({ event: 'my-event', channel: 'a', data: {} });
    const { error } = await socket.refusal();
    assert.deepEqual(error, { code: null, message: 'Unsupported event received on socket: my-event' });
    await socket.close();
  });

  test('a binary frame', async () => {
    const socket = await Socket.connect(server.port);
    socket.send(Buffer.from('{"event":"pusher:ping","data":{}}'));
    const { error } = await socket.refusal();
    assert.equal(error.code, null);
    assert.match(error.message, /binary/);
    await socket.subscribe('still-here');
    await socket.close();
  });

  test('unknown keys are ignored', async () => {
    const socket = await Socket.connect(server.port);
    socket.send({ event: 'pusher:subscribe', data: { channel: 'a', more: [1] }, extra: { deep: true } });
    await socket.next('pusher_internal:subscription_succeeded');
    await socket.close();
  });

  test('trap 01: data of an error is an object', async () => {
    const socket = await Socket.connect(server.port);
    socket.send('hello');
    const { data, text } = await socket.next('pusher:error');
    assert.equal(typeof data, 'object', text);
    assert.deepEqual(Object.keys(data), ['code', 'message']);
    await socket.close();
  });
});

describe('frames that end the connection', () => {
  test('an oversized frame', async () => {
    const socket = await Socket.connect(server.port);
    socket.send(JSON.stringify({ event: 'client-x', channel: 'private-a', data: 'x'.repeat(1 << 20) }));
    const { code } = await socket.closed;
    assert.equal(code, 1009);
  });

  test('text that is not UTF-8', async () => {
    const socket = await Socket.connect(server.port);
    socket.sendText(Buffer.from([0x22, 0xff, 0xfe, 0x22]));
    const { code } = await socket.closed;
    assert.equal(code, 1007);
  });

  test('only the connection that sent them is affected', async () => {
    const [culprit, other] = [await Socket.connect(server.port), await Socket.connect(server.port)];
    await other.subscribe('calm');
    culprit.sendText(Buffer.from([0xff]));
    await culprit.closed;
    await trigger(server.port, 'calm', 'still', 'ok');
    assert.equal((await other.next('still')).data, 'ok');
    await other.close();
  });
});

test('a client that does not read is disconnected, and the others get everything', async () => {
  const [slow, reader] = [await Socket.connect(server.port), await Socket.connect(server.port)];
  await slow.subscribe('flood');
  await reader.subscribe('flood');
  slow.pause();
  const [data, count, atOnce] = ['x'.repeat(10_240), 1_000, 20];
  for (let sent = 0; sent < count; sent += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, () => trigger(server.port, 'flood', 'e', data)));
  }
  for (let received = 0; received < count; received += 1) await reader.next('e');
  slow.resume();
  const { code } = await slow.closed;
  // The close frame may not have fitted any more.
  assert.ok([4100, 1006].includes(code), `closed with ${code}`);
  await reader.close();
});

describe('closing', () => {
  for (const [sent, answered] of [[undefined, 1005], [1000, 1000], [1001, 1001], [4999, 4999]]) {
    test(`a close frame with code ${sent ?? 'none'} is answered with the same`, async () => {
      const socket = await Socket.connect(server.port);
      assert.equal((await socket.close(sent)).code, answered);
    });
  }

  test('a connection that is cut leaves no trace', async () => {
    const [cut, other] = [await Socket.connect(server.port), await Socket.connect(server.port)];
    await other.subscribe('presence-cut', { data: { user_id: 'stays' } });
    await cut.subscribe('presence-cut', { data: { user_id: 'goes' } });
    await other.next('pusher_internal:member_added');
    cut.cut();
    assert.deepEqual(JSON.parse((await other.next('pusher_internal:member_removed')).data), { user_id: 'goes' });
    await other.close();
  });

  test('trap 20: a server that stops does not send everybody back at once', async () => {
    const short = await startServer();
    const sockets = await Promise.all(Array.from({ length: 20 }, () => Socket.connect(short.port)));
    const [status] = await Promise.all([short.stop('SIGTERM'), ...sockets.map((socket) => socket.closed)]);
    assert.equal(status, 0);
    for (const socket of sockets) {
      const { code } = await socket.closed;
      // 4000-4099 would end all retries of pusher-js, 4200-4299 retries within milliseconds.
      assert.ok([1001, 4100].includes(code), `closed with ${code}`);
    }
  });
});
