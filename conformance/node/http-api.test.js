// POST /apps/ID/events: signatures, exclusion, limits and refusals (protocol §2), over bare HTTP and
// with the official libraries for Node and Python.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import Pusher from 'pusher';

import { app, post, signedQuery, trigger } from '../harness/app.js';
import { startServer, startServerFor } from '../harness/program.js';
import { Socket } from '../harness/socket.js';

let server;
let library;
before(async () => {
  server = await startServer();
  library = new Pusher({
    appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(server.port), useTLS: false,
  });
});
after(() => server.stop());

const connect = () => Socket.connect(server.port);
const event = (changes = {}) => ({ name: 'e', channels: ['a'], data: '{}', ...changes });

describe('success', () => {
  test('trap 10: the answer is exactly 200 and {}', async () => {
    const { status, text, type } = await post(server.port, event());
    assert.deepEqual([status, text], [200, '{}']);
    assert.match(type, /^application\/json/);
  });

  for (const [what, body] of Object.entries({
    'one channel': { channel: 'a' },
    'a hundred channels': { channels: Array.from({ length: 100 }, (_, n) => `c${n}`) },
    'data of 10,240 bytes': { data: 'x'.repeat(10_240) },
    'a name of 200 characters': { name: 'n'.repeat(200) },
    'a name as Laravel writes it': { name: 'App\\Events\\Foo' },
    'a socket id nobody has': { socket_id: '1.2' },
    'socket_id null': { socket_id: null },
    'an empty info': { info: '' },
  })) {
    test(what, async () => {
      const { channels, ...rest } = event(body);
      const message = body.channel ? rest : { ...rest, channels };
      assert.deepEqual(await post(server.port, message).then(({ status, text }) => [status, text]), [200, '{}']);
    });
  }

  test('the data arrives as the text that it was', async () => {
    const socket = await connect();
    await socket.subscribe('texts');
    for (const data of ['test', '42', '{"a": 1}', '', '"quoted" \\ \n \u2028 grün 😀', '[]']) {
      await trigger(server.port, 'texts', 'e', data);
      assert.equal((await socket.next('e')).data, data);
    }
    await socket.close();
  });

  test('socket_id leaves out that connection on all channels', async () => {
    const [excluded, other] = [await connect(), await connect()];
    for (const socket of [excluded, other]) {
      await socket.subscribe('x');
      await socket.subscribe('y');
    }
    await trigger(server.port, ['x', 'y'], 'e', {}, { socket_id: excluded.id });
    await trigger(server.port, 'x', 'marker', {});
    await excluded.next('marker');
    assert.deepEqual([(await other.next('e')).channel, (await other.next('e')).channel].sort(), ['x', 'y']);
    await excluded.close();
    await other.close();
  });
});

describe('trap 11: refusals are plain text', () => {
  const old = Math.floor(Date.now() / 1000) - 601;
  for (const [what, changes, expected] of [
    ['no auth_key', { auth_key: undefined }, /^Missing parameter: auth_key$/],
    ['an unknown auth_key', { auth_key: 'other' }, /^Unknown auth_key$/],
    ['no version', { auth_version: undefined }, /^Version required$/],
    ['another version', { auth_version: '2.0' }, /^Version not supported$/],
    ['no timestamp', { auth_timestamp: undefined }, /^Timestamp required$/],
    [
      'an old timestamp',
      { auth_timestamp: old },
      /^Timestamp expired: Given timestamp \(.+\) not within 600s of server time \(.+\)$/,
    ],
    ['a timestamp in the future', { auth_timestamp: old + 1300 }, /^Timestamp expired: /],
    ['a wrong body_md5', { body_md5: '0'.repeat(32) }, /body_md5/],
    ['no body_md5', { body_md5: undefined }, /body_md5/],
  ]) {
    test(`${what}: 401`, async () => {
      const { status, text, type } = await post(server.port, event(), { changes });
      assert.equal(status, 401, text);
      assert.match(text, expected);
      assert.match(type, /^text\/plain/);
    });
  }

  test('a wrong signature: 401 with what was to be signed, never its digest', async () => {
    const body = JSON.stringify(event());
    const good = signedQuery('POST', `/apps/${app.id}/events`, body);
    const digest = good.slice(good.indexOf('auth_signature=') + 'auth_signature='.length);
    const { status, text } = await post(server.port, body, { query: good.replace(digest, 'f'.repeat(64)) });
    assert.equal(status, 401);
    assert.match(text, /^Invalid signature: you should have sent HmacSHA256Hex\("POST\\n\/apps\/3\/events\\n/);
    assert.match(text, /, your_secret_key\), but you sent "f{64}"$/);
    assert.ok(!text.includes(digest));
    assert.ok(!text.includes(app.secret));
  });

  test('no signature: 401', async () => {
    const body = JSON.stringify(event());
    const query = signedQuery('POST', `/apps/${app.id}/events`, body).replace(/&auth_signature=.*/, '');
    assert.equal((await post(server.port, body, { query })).status, 401);
  });

  test('no query at all: 401', async () => {
    const { status, text } = await post(server.port, event(), { query: '' });
    assert.deepEqual([status, text], [401, 'Missing parameter: auth_key']);
  });

  test('an app that does not exist: 404', async () => {
    const { status, text } = await post(server.port, event(), { path: '/apps/4/events' });
    assert.equal(status, 404, text);
  });

  test('a body that was changed after signing: 401', async () => {
    const query = signedQuery('POST', `/apps/${app.id}/events`, JSON.stringify(event()));
    const { status } = await post(server.port, event({ name: 'f' }), { query });
    assert.equal(status, 401);
  });

  for (const [what, body, status, expected] of [
    ['no JSON', 'hello', 400, /./],
    ['an array', '[]', 400, /./],
    ['an empty body', '', 400, /./],
    ['no name', event({ name: undefined }), 400, /name/],
    ['an empty name', event({ name: '' }), 400, /name/],
    ['a name of 201 characters', event({ name: 'n'.repeat(201) }), 400, /200/],
    ['a name of the protocol', event({ name: 'pusher:ping' }), 400, /pusher:/],
    ['an internal name of the protocol', event({ name: 'pusher_internal:member_added' }), 400, /pusher_internal:/],
    ['no data', event({ data: undefined }), 400, /data/],
    ['data that is an object', event({ data: {} }), 400, /data/],
    ['data over 10,240 bytes', event({ data: 'x'.repeat(10_241) }), 413, /content of this event exceeds the allowed maximum \(10240 bytes\)/],
    ['data over 10,240 bytes in fewer characters', event({ data: 'ü'.repeat(5_121) }), 413, /content of this event/],
    ['no channels', event({ channels: undefined }), 400, /channels/],
    ['an empty list of channels', event({ channels: [] }), 400, /channels/],
    ['101 channels', event({ channels: Array.from({ length: 101 }, (_, n) => `c${n}`) }), 400, /100/],
    ['a channel with a space', event({ channels: ['a', 'b c'] }), 400, /b c/],
    ['a channel of 165 characters', event({ channels: ['c'.repeat(165)] }), 400, /164/],
    ['a reserved channel', event({ channels: ['#presence'] }), 400, /#/],
    ['a socket_id that is none', event({ socket_id: 'abc' }), 400, /socket_id/],
  ]) {
    test(`${what}: ${status}`, async () => {
      const { status: got, text, type } = await post(server.port, body);
      assert.equal(got, status, text);
      assert.match(text, expected);
      assert.match(type, /^text\/plain/);
    });
  }

  test('one bad channel: nothing is sent to the others', async () => {
    const socket = await connect();
    await socket.subscribe('good');
    assert.equal((await post(server.port, event({ channels: ['good', 'b c'] }))).status, 400);
    await trigger(server.port, 'good', 'marker', {});
    await socket.next('marker');
    await socket.close();
  });

  for (const path of ['/nothing', '/apps', `/apps/${app.id}`, `/apps/${app.id}/nothing`]) {
    test(`${path}: 404`, async () => assert.equal((await post(server.port, event(), { path })).status, 404));
  }

  test('a body larger than any event: 413', async () => {
    const { status } = await post(server.port, event({ data: 'x'.repeat(3 << 20) }));
    assert.equal(status, 413);
  });
});

describe('older ways of saying it', () => {
  const ask = (method, path, parameters, body = '') => {
    const full = `/apps/${app.id}${path}`;
    const changes = body ? parameters : { body_md5: undefined, ...parameters };
    const url = `http://127.0.0.1:${server.port}${full}?${signedQuery(method, full, body, changes)}`;
    return fetch(url, { method, body: method === 'GET' ? undefined : body });
  };

  test('the deprecated call publishes its body and answers 202 with nothing', async () => {
    const socket = await connect();
    await socket.subscribe('old');
    const answer = await ask('POST', '/channels/old/events', { name: 'e' }, '{"k": 1}');
    assert.deepEqual([answer.status, await answer.text()], [202, '']);
    assert.equal((await socket.next('e')).data, '{"k": 1}');
    await socket.close();
  });

  test('the deprecated statistics', async () => {
    const answer = await ask('GET', '/channels/presence-old/stats', {});
    assert.deepEqual(await answer.json(), { occupied: false, user_count: 0 });
  });

  test('an event whose parameters are all in the query', async () => {
    const socket = await connect();
    await socket.subscribe('old');
    const answer = await ask('POST', '/events', { name: 'e', data: 'x', channel: 'old', info: 'subscription_count' });
    assert.deepEqual(await answer.json(), { channels: { old: { subscription_count: 1 } } });
    assert.equal((await socket.next('e')).data, 'x');
    await socket.close();
  });
});

describe('the official library for Node', () => {
  const status = (promise) => promise.then((response) => response.status);

  test('an event to one channel and to many', async () => {
    const socket = await connect();
    await socket.subscribe('n1');
    await socket.subscribe('n2');
    assert.equal(await status(library.trigger('n1', 'e', { k: 'grün' })), 200);
    assert.equal(await status(library.trigger(['n1', 'n2'], 'f', 'text')), 200);
    assert.deepEqual(JSON.parse((await socket.next('e')).data), { k: 'grün' });
    for (const channel of ['n1', 'n2']) {
      const message = await socket.next('f');
      assert.deepEqual([message.channel, message.data], [channel, 'text']);
    }
    await socket.close();
  });

  test('an event to all but one connection', async () => {
    const [excluded, other] = [await connect(), await connect()];
    await excluded.subscribe('n3');
    await other.subscribe('n3');
    await library.trigger('n3', 'e', {}, { socket_id: excluded.id });
    await library.trigger('n3', 'marker', {});
    await excluded.next('marker');
    await other.next('e');
    await excluded.close();
    await other.close();
  });

  test('an event to a user', async () => {
    const socket = await connect();
    await socket.signIn({ id: 'n4' });
    await socket.subscribe('#server-to-user-n4');
    assert.equal(await status(library.sendToUser('n4', 'dm', { k: 1 })), 200);
    assert.equal((await socket.next('dm')).data, '{"k":1}');
    await socket.close();
  });

  test('its authorisations are accepted', async () => {
    const socket = await connect();
    for (const [channel, member] of [
      ['private-n5', undefined],
      ['presence-n5', { user_id: 'u', user_info: { name: 'x' } }],
    ]) {
      const { auth, channel_data: data } = library.authorizeChannel(socket.id, channel, member);
      await socket.subscribe(channel, { auth, data });
    }
    const { auth, user_data: userData } = library.authenticateUser(socket.id, { id: 'u' });
    socket.send({ event: 'pusher:signin', data: { auth, user_data: userData } });
    await socket.next('pusher:signin_success');
    await socket.close();
  });

  test('a batch, some of which leaves a connection out', async () => {
    const [excluded, other] = [await connect(), await connect()];
    for (const socket of [excluded, other]) await socket.subscribe('n6');
    const answer = await library.triggerBatch([
      { channel: 'n6', name: 'one', data: { k: 'grün' } },
      { channel: 'n6', name: 'two', data: 'text', socket_id: excluded.id },
      { channel: 'n6', name: 'three', data: {} },
    ]);
    assert.deepEqual([answer.status, await answer.text()], [200, '{}']);
    assert.equal((await other.next('one')).data, '{"k":"grün"}');
    assert.equal((await other.next('two')).data, 'text');
    await other.next('three');
    await excluded.next('one');
    await excluded.next('three');
    await excluded.close();
    await other.close();
  });

  test('what an event and a batch answer when they are asked for info', async () => {
    const socket = await connect();
    await socket.subscribe('n7');
    await socket.subscribe('presence-n7', { data: { user_id: 'u' } });
    const info = 'user_count,subscription_count';
    const event = await library.trigger(['n7', 'presence-n7', 'presence-empty'], 'e', {}, { info });
    assert.deepEqual(await event.json(), {
      channels: {
        n7: { subscription_count: 1 },
        'presence-n7': { subscription_count: 1, user_count: 1 },
        'presence-empty': { subscription_count: 0, user_count: 0 },
      },
    });
    const batch = await library.triggerBatch([
      { channel: 'n7', name: 'e', data: {}, info },
      { channel: 'n7', name: 'e', data: {} },
      { channel: 'presence-n7', name: 'e', data: {}, info: 'user_count' },
    ]);
    assert.deepEqual(await batch.json(), { batch: [{ subscription_count: 1 }, {}, { user_count: 1 }] });
    await socket.close();
  });

  test('questions about channels', async () => {
    const socket = await connect();
    const name = 'presence-n8;a@b,c=d';
    await socket.subscribe(name, { data: { user_id: 10 } });
    const get = async (path, params) => (await library.get({ path, params })).json();
    const info = 'user_count,subscription_count';
    assert.deepEqual(await get('/channels', { filter_by_prefix: 'presence-n8', info }), {
      channels: { [name]: { user_count: 1, subscription_count: 1 } },
    });
    assert.deepEqual(await get(`/channels/${name}`, { info }), { occupied: true, user_count: 1, subscription_count: 1 });
    assert.deepEqual(await get(`/channels/${name}/users`), { users: [{ id: '10' }] });
    assert.deepEqual(await get('/channels/presence-nobody'), { occupied: false });
    for (const [params, expected] of [
      [{ info: 'user_count' }, /^user_count may only be requested for presence channels/],
      [{ info: 'nonsense' }, /^info should be a comma separated list of attributes/],
    ]) {
      await assert.rejects(get('/channels', params), ({ status: code, body }) => {
        assert.equal(code, 400);
        assert.match(body, expected);
        return true;
      });
    }
    // Neither a bare plus nor a percent sign that escapes nothing keeps it from verifying.
    for (const prefix of ['a+b', 'a%b', 'ü,;']) {
      assert.deepEqual(await get('/channels', { filter_by_prefix: prefix }), { channels: {} }, prefix);
    }
    await socket.close();
  });

  test('the end of a user\'s connections, and of no other', async () => {
    const [signedIn, member] = [await connect(), await connect()];
    await signedIn.signIn({ id: 'n9' });
    await member.subscribe('presence-n9', { data: { user_id: 'n9' } });
    const answer = await library.terminateUserConnections('n9');
    assert.deepEqual([answer.status, await answer.text()], [200, '{}']);
    assert.equal((await signedIn.next('pusher:error')).data.code, 4009);
    assert.equal((await signedIn.closed).code, 4009);
    await member.nothingElse();
    await member.close();
  });

  test('a wrong secret is an error that it shows', async () => {
    const stranger = new Pusher({
      appId: app.id, key: app.key, secret: 'wrong', host: '127.0.0.1', port: String(server.port), useTLS: false,
    });
    await assert.rejects(stranger.trigger('a', 'e', {}), ({ status: code, body }) => {
      assert.equal(code, 401);
      assert.match(body, /^Invalid signature: /);
      return true;
    });
  });
});

describe('the official library for Python', { skip: !process.env.SKYWAVE_PYTHON && 'SKYWAVE_PYTHON names no Python' }, () => {
  const script = `
import json, sys
from pusher import Pusher
app_id, key, secret, port, socket_id = sys.argv[1:]
pusher = Pusher(app_id=app_id, key=key, secret=secret, host="127.0.0.1", port=int(port), ssl=False)
answers = [
    pusher.trigger("p1", "e", {"k": "gr\\u00fcn, \\U0001F600"}),
    pusher.trigger(["p1", "p2"], "f", "text"),
    pusher.trigger("p1", "excluded", {}, socket_id),
    pusher.trigger("p1", "marker", {}),
]
print(json.dumps(answers))`;

  test('trap 19: with its decimal app id it publishes, to many, and to all but one', async () => {
    const socket = await connect();
    await socket.subscribe('p1');
    await socket.subscribe('p2');
    const { stdout } = await promisify(execFile)(process.env.SKYWAVE_PYTHON, [
      '-c', script, app.id, app.key, app.secret, String(server.port), socket.id,
    ]);
    assert.deepEqual(JSON.parse(stdout), [{}, {}, {}, {}]);
    assert.deepEqual(JSON.parse((await socket.next('e')).data), { k: 'grün, 😀' });
    assert.equal((await socket.next('f')).channel, 'p1');
    assert.equal((await socket.next('f')).channel, 'p2');
    await socket.next('marker');
    await socket.close();
  });

  const questions = `
import json, sys
from pusher import Pusher
app_id, key, secret, port, socket_id = sys.argv[1:]
pusher = Pusher(app_id=app_id, key=key, secret=secret, host="127.0.0.1", port=int(port), ssl=False)
print(json.dumps([
    pusher.trigger_batch([
        {"channel": "p3", "name": "one", "data": {"k": "gr\\u00fcn"}},
        {"channel": "p3", "name": "two", "data": "text", "socket_id": socket_id},
        {"channel": "p3", "name": "three", "data": {}},
    ]),
    pusher.channels_info("presence-p3", ["user_count"]),
    pusher.channel_info("presence-p3", ["user_count", "subscription_count"]),
    pusher.channel_info("p4"),
    pusher.users_info("presence-p3"),
    pusher.terminate_user_connections("p3"),
]))`;

  test('trap 08, trap 09: it asks with an MD5 of no body, and ends connections by a path without the app', async () => {
    const [socket, signedIn] = [await connect(), await connect()];
    await socket.subscribe('p3');
    await socket.subscribe('presence-p3', { data: { user_id: 'u' } });
    await signedIn.signIn({ id: 'p3' });
    const { stdout } = await promisify(execFile)(process.env.SKYWAVE_PYTHON, [
      '-c', questions, app.id, app.key, app.secret, String(server.port), socket.id,
    ]);
    assert.deepEqual(JSON.parse(stdout), [
      {},
      { channels: { 'presence-p3': { user_count: 1 } } },
      { occupied: true, user_count: 1, subscription_count: 1 },
      { occupied: false },
      { users: [{ id: 'u' }] },
      {},
    ]);
    assert.deepEqual(JSON.parse((await socket.next('one')).data), { k: 'grün' });
    await socket.next('three');
    assert.equal((await signedIn.next('pusher:error')).data.code, 4009);
    await socket.close();
  });

  test('trap 19: an app id that some libraries refuse is warned about', async () => {
    const named = await startServerFor('my-app');
    assert.match(named.log, /my-app/);
    await named.stop();
  });
});
