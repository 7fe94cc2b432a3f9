// Webhooks that the server sends (protocol §3.4), received by the official libraries for Node and
// Python, unmodified.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import Pusher from 'pusher';

import { app } from '../harness/app.js';
import { startServer } from '../harness/program.js';
import { Receiver } from '../harness/receiver.js';
import { Socket } from '../harness/socket.js';

const library = new Pusher({ appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1' });

const KINDS = [
  'channel_occupied', 'channel_vacated', 'member_added', 'member_removed', 'client_event', 'cache_miss',
  'subscription_count',
];

let folder;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'skywave-'))));
after(() => rm(folder, { recursive: true }));

/** A server whose app tells this receiver everything. */
async function startTelling(receiver, webhooks, more = '') {
  const file = join(folder, `${Math.random()}.toml`);
  await writeFile(file, `
[webhooks]
${webhooks}
[[apps]]
id = "${app.id}"
key = "${app.key}"
secret = "${app.secret}"
subscription_counts = true
${more}
[[apps.webhooks]]
url = "${receiver.url}"
events = ${JSON.stringify(KINDS)}
`);
  return startServer('--config', file);
}

/** Whoever makes every kind of event happen; resolves with the socket id of the client event. */
async function makeEverythingHappen(port) {
  const socket = await Socket.connect(port);
  await socket.subscribe('presence-cache-room', { data: { user_id: 'grün', user_info: { name: 'x' } } });
  await socket.next('pusher:cache_miss');
  socket.clientEvent('presence-cache-room', 'client-typing', { text: 'grün, 😀', nested: [1, null] });
  await socket.subscribe('news');
  await socket.close();
  return socket.id;
}

/** Webhooks until these many events were told. */
async function receive(receiver, count) {
  const webhooks = [];
  for (let told = 0; told < count;) {
    const webhook = await receiver.next();
    webhooks.push(webhook);
    told += JSON.parse(webhook.rawBody).events.length;
  }
  return webhooks;
}

const EVERYTHING = 9;

describe('what the server tells', () => {
  let receiver, server, webhooks, socketId;
  before(async () => {
    receiver = await Receiver.start();
    server = await startTelling(receiver, 'allow_private = true');
    socketId = await makeEverythingHappen(server.port);
    webhooks = await receive(receiver, EVERYTHING);
  });
  after(async () => {
    await server?.stop();
    receiver.stop();
  });

  test('is accepted and read by the official library for Node', () => {
    const events = webhooks.flatMap((request) => {
      const webhook = library.webhook(request);
      assert.equal(webhook.isValid(), true);
      assert.ok(Math.abs(webhook.getTime() - Date.now()) < 60_000);
      return webhook.getEvents();
    });
    const room = 'presence-cache-room';
    const expected = [
      { name: 'channel_occupied', channel: room },
      { name: 'member_added', channel: room, user_id: 'grün' },
      { name: 'cache_miss', channel: room },
      {
        name: 'client_event', channel: room, event: 'client-typing',
        data: '{"text":"grün, 😀","nested":[1,null]}', socket_id: socketId, user_id: 'grün',
      },
      { name: 'channel_occupied', channel: 'news' },
      { name: 'subscription_count', channel: 'news', subscription_count: 1 },
      { name: 'member_removed', channel: room, user_id: 'grün' },
      { name: 'channel_vacated', channel: room },
      { name: 'channel_vacated', channel: 'news' },
    ];
    const sorted = (all) => all.map((event) => JSON.stringify(event, Object.keys(event).sort())).sort();
    assert.deepEqual(sorted(events), sorted(expected));
    assert.deepEqual(new Set(events.map(({ name }) => name)), new Set(KINDS));
    // One channel has one order.
    const inRoom = (all) => all.filter(({ channel }) => channel === room).map(({ name }) => name);
    assert.deepEqual(inRoom(events), inRoom(expected));
  });

  test('is accepted and read by the official library for Python', {
    skip: !process.env.SKYWAVE_PYTHON && 'SKYWAVE_PYTHON names no Python',
  }, async () => {
    const script = `
import json, sys
from pusher import Pusher
app_id, key, secret, requests = sys.argv[1:]
pusher = Pusher(app_id=app_id, key=key, secret=secret)
print(json.dumps([
    pusher.validate_webhook(request["key"], request["signature"], request["body"])
    for request in json.loads(requests)
]))`;
    const requests = webhooks.map(({ headers, rawBody }) => ({
      key: headers['x-pusher-key'], signature: headers['x-pusher-signature'], body: rawBody,
    }));
    const { stdout } = await promisify(execFile)(process.env.SKYWAVE_PYTHON, [
      '-c', script, app.id, app.key, app.secret, JSON.stringify(requests),
    ]);
    assert.deepEqual(JSON.parse(stdout), webhooks.map(({ rawBody }) => JSON.parse(rawBody)));
  });

  test('is accepted by nobody when a byte of it is another', () => {
    for (const request of webhooks) {
      const changed = { ...request, rawBody: request.rawBody.replace('channel', 'chanel') };
      assert.equal(library.webhook(changed).isValid(), false);
      const stranger = new Pusher({ appId: app.id, key: app.key, secret: 'another', host: '127.0.0.1' });
      assert.equal(stranger.webhook(request).isValid(), false);
    }
  });

  test('trap 18: the content type has no charset, the time is in milliseconds, every field is scalar', () => {
    for (const { method, url, headers, rawBody } of webhooks) {
      assert.deepEqual([method, url], ['POST', '/webhooks']);
      assert.equal(headers['content-type'], 'application/json');
      const { time_ms, events, ...rest } = JSON.parse(rawBody);
      assert.deepEqual(rest, {});
      assert.ok(Number.isInteger(time_ms));
      assert.ok(Math.abs(Date.now() - time_ms) < 300_000, 'Python refuses what is further away');
      for (const event of events) {
        for (const [name, value] of Object.entries(event)) {
          assert.equal(typeof value, name === 'subscription_count' ? 'number' : 'string', name);
        }
      }
    }
    const names = webhooks.flatMap(({ rawBody }) => JSON.parse(rawBody).events).map(({ name }) => name);
    assert.ok(names.includes('client_event'));
  });
});

test('a receiver that fails gets the same again, and the rest in its order', async () => {
  const receiver = await Receiver.start();
  receiver.status = 503;
  const server = await startTelling(receiver, 'allow_private = true', 'webhook_batch_events = 1');
  const socket = await Socket.connect(server.port);
  for (const channel of ['one', 'two']) {
    await socket.subscribe(channel);
    await socket.next('pusher_internal:subscription_count');
  }
  const first = await receiver.next();
  receiver.status = 204;
  const again = await receiver.next();
  assert.equal(again.rawBody, first.rawBody);
  assert.equal(library.webhook(again).isValid(), true);
  const channels = [];
  while (channels.length < 3) {
    const { events } = JSON.parse((await receiver.next()).rawBody);
    assert.equal(events.length, 1);
    channels.push(events[0].channel);
  }
  assert.deepEqual(channels, ['one', 'two', 'two']);
  await socket.close();
  await server.stop();
  receiver.stop();
});

test('an address of this machine is refused before anything starts, and so is a name that leads to it', async () => {
  const receiver = await Receiver.start();
  await assert.rejects(startTelling(receiver, ''), /127\.0\.0\.1 is not an address of the public internet/);

  const named = { url: receiver.url.replace('127.0.0.1', 'localhost') };
  const server = await startTelling(named, '');
  const socket = await Socket.connect(server.port);
  await socket.subscribe('a');
  const refused = /is not an address of the public internet/;
  for (const deadline = Date.now() + 10_000; !refused.test(server.log);) {
    assert.ok(Date.now() < deadline, server.log);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(receiver.waiting, []);
  await socket.close();
  await server.stop();
  receiver.stop();
});
