// Encrypted channels (protocol §1.11): what our drivers encrypt is opened by the unmodified pusher-js,
// with the key that our authorisation route gives it, and the server that carries it cannot read it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { app, channelAuth } from '../harness/app.js';
import { builds, next, subscribed } from '../harness/clients.js';
import { startServer } from '../harness/program.js';
import { Socket } from '../harness/socket.js';
import { loggedIn, startVault } from '../harness/vault.js';

const CHANNEL = 'private-encrypted-vault';
const MASTER_KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

const drivers = {
  'in one process': () => ({}),
  'with the sockets in another process': () => ({
    BROADCAST_DRIVER: 'pusher',
    PUSHER_APP_ID: app.id,
    PUSHER_CLIENT: app.key,
    PUSHER_SECRET: app.secret,
    PUSHER_HOST: '127.0.0.1',
    PUSHER_PORT: String(server.port),
    PUSHER_SSL: 'false',
    PUSHER_ENCRYPTION_MASTER_KEY: MASTER_KEY,
  }),
};

/** A client as the program's page has it, but for the cookie, which a browser would send by itself. */
async function clientOf(version, ask) {
  const { key, options } = await (await ask('/client.json')).json();
  const authorize = async (socketId, callback) => {
    const answer = await ask('/broadcasting/authorize', { socket_id: socketId, channel_name: CHANNEL });
    callback(answer.ok ? null : new Error(String(answer.status)), answer.ok ? await answer.json() : null);
  };
  const pusher = new builds[version](key, { ...options, authorizer: () => ({ authorize }) });
  pusher.connection.bind('error', () => {});
  return pusher;
}

for (const [how, environment] of Object.entries(drivers)) {
  describe(how, () => {
    let vault;
    before(async () => (vault = await startVault(environment())));
    after(() => vault.stop());

    for (const version of Object.keys(builds)) {
      test(`pusher-js ${version} reads what was put in`, async () => {
        const ask = await loggedIn(vault, 'Ada');
        const pusher = await clientOf(version, ask);
        const channel = await subscribed(pusher, CHANNEL);
        for (const text of ['gold', 'grün ✓ "quoted"']) {
          const heard = next(channel, 'Noted');
          const answer = await (await ask('/vault', { text })).json();
          assert.deepEqual(answer.sent, [CHANNEL]);
          assert.deepEqual(await heard, { text });
        }
        pusher.disconnect();
      });
    }
  });
}

test('the server carries what it cannot read', async () => {
  const vault = await startVault(drivers['with the sockets in another process']());
  const socket = await Socket.connect(server.port);
  await socket.subscribe(CHANNEL, { auth: channelAuth(socket.id, CHANNEL) });
  const ask = await loggedIn(vault, 'Ada');
  await ask('/vault', { text: 'gold' });
  const { text, data } = await socket.next('Noted');
  assert.deepEqual(Object.keys(JSON.parse(data)), ['nonce', 'ciphertext']);
  assert.ok(!text.includes('gold'));
  await socket.close();
  await vault.stop();
});

test('the official server library has the same key for a channel', async () => {
  const Library = createRequire(import.meta.url)('pusher');
  const library = new Library({ appId: app.id, key: app.key, secret: app.secret, encryptionMasterKeyBase64: MASTER_KEY });
  const vault = await startVault(drivers['with the sockets in another process']());
  const ask = await loggedIn(vault, 'Ada');
  const answer = await ask('/broadcasting/authorize', { socket_id: '1.2', channel_name: CHANNEL });
  assert.deepEqual(await answer.json(), library.authorizeChannel('1.2', CHANNEL));
  await vault.stop();
});
