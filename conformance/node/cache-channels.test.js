// Cache channels (protocol §1.10): who comes late gets the last event, or learns that there is none.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Pusher from 'pusher';

import { app, signedQuery, trigger } from '../harness/app.js';
import { builds, client, next, reaches } from '../harness/clients.js';
import { startServer } from '../harness/program.js';
import { Socket } from '../harness/socket.js';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

const connect = () => Socket.connect(server.port);

for (const kind of ['cache-', 'private-cache-', 'presence-cache-', 'private-encrypted-cache-']) {
  const member = kind.startsWith('presence-') ? { data: { user_id: 'u' } } : {};

  test(`${kind}: the last event follows the success, and the others do not`, async () => {
    const channel = `${kind}a`;
    const early = await connect();
    await early.subscribe(channel, member);
    const miss = await early.next('pusher:cache_miss');
    // Trap 5: what the server itself says on an encrypted channel must be exactly that.
    assert.deepEqual([miss.channel, miss.data], [channel, '{}']);
    for (const n of [1, 2]) await trigger(server.port, channel, `e${n}`, { n });
    const late = await connect();
    await late.subscribe(channel, member);
    const last = await late.next('e2');
    assert.deepEqual([last.channel, last.data, last.user_id], [channel, '{"n":2}', undefined]);
    await late.nothingElse();
    await late.close();
    await early.close();
  });
}

test('an event that leaves a connection out is kept for those who come later', async () => {
  const excluded = await connect();
  await excluded.subscribe('cache-b');
  await excluded.next('pusher:cache_miss');
  await trigger(server.port, 'cache-b', 'e', {}, { socket_id: excluded.id });
  await excluded.nothingElse();
  excluded.unsubscribe('cache-b');
  await excluded.subscribe('cache-b');
  await excluded.next('e');
  await excluded.close();
});

test('client events are not kept', async () => {
  const sender = await connect();
  await sender.subscribe('private-cache-c');
  await sender.next('pusher:cache_miss');
  sender.clientEvent('private-cache-c', 'client-x', {});
  await sender.nothingElse();
  const late = await connect();
  await late.subscribe('private-cache-c');
  await late.next('pusher:cache_miss');
  await sender.close();
  await late.close();
});

test('the HTTP API tells what is kept, and for how long still', async () => {
  const path = `/apps/${app.id}/channels/cache-d`;
  const ask = async () => {
    const query = signedQuery('GET', path, '', { body_md5: undefined, info: 'cache' });
    return (await fetch(`http://127.0.0.1:${server.port}${path}?${query}`)).json();
  };
  assert.deepEqual(await ask(), { occupied: false, cache: null });
  await trigger(server.port, 'cache-d', 'e', 'text');
  const { occupied, cache } = await ask();
  assert.deepEqual([occupied, cache.data], [false, 'text']);
  assert.ok(cache.ttl > 1_790 && cache.ttl <= 1_800, String(cache.ttl));
});

for (const version of Object.keys(builds)) {
  describe(`pusher-js ${version}`, () => {
    test('hears of a miss, and of the last event, as of any other', async () => {
      const pusher = client(version, server.port);
      await reaches(pusher, 'connected');
      const name = `cache-${version}`;
      const channel = pusher.subscribe(name);
      await next(channel, 'pusher:cache_miss');
      const heard = next(channel, 'e');
      await trigger(server.port, name, 'e', { n: 1 });
      assert.deepEqual(await heard, { n: 1 });
      pusher.unsubscribe(name);
      const again = pusher.subscribe(name);
      assert.deepEqual(await next(again, 'e'), { n: 1 });
      pusher.disconnect();
    });
  });
}

test('pusher-js 8 opens the kept event of an encrypted cache channel', async () => {
  const secret = Buffer.alloc(32, 7).toString('base64');
  const library = new Pusher({
    appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(server.port), useTLS: false,
    encryptionMasterKeyBase64: secret,
  });
  const name = 'private-encrypted-cache-e';
  await library.trigger(name, 'e', { k: 'grün' });
  const customHandler = ({ socketId }, callback) => callback(null, library.authorizeChannel(socketId, name));
  const pusher = client('8.6.0', server.port, { channelAuthorization: { customHandler } });
  assert.deepEqual(await next(pusher.subscribe(name), 'e'), { k: 'grün' });
  pusher.disconnect();
});
