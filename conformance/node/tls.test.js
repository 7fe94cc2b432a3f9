// An app for TLS alone: code 4000 sends clients there (protocol §1.14), under a path of the operator's.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Pusher from 'pusher';

import { app } from '../harness/app.js';
import { builds, client, next, reaches, subscribed } from '../harness/clients.js';
import { startListening } from '../harness/program.js';

// The certificate is made for this run; that clients check it is their own business.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

let folder;
let server;
let port;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skywave-'));
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'chain.pem'),
  ], { stdio: 'ignore' });
  const file = join(folder, 'skywave.toml');
  writeFileSync(file, `
[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "127.0.0.1:0"
certificate = "chain.pem"
key = "key.pem"
[server]
path_prefix = "/realtime"
[[apps]]
id = "${app.id}"
key = "${app.key}"
secret = "${app.secret}"
tls_only = true
`);
  server = await startListening(file);
  [, port] = await server.prints(/https:\/\/127\.0\.0\.1:(\d+)/);
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

for (const version of Object.keys(builds)) {
  test(`pusher-js ${version} goes on over TLS by itself`, async () => {
    const pusher = client(version, server.port, {
      wsHost: 'localhost', wssPort: Number(port), wsPath: '/realtime', enabledTransports: ['ws', 'wss'],
    });
    const refused = next(pusher.connection, 'error');
    await reaches(pusher, 'connected');
    const error = await refused;
    assert.equal((error.error ?? error).data.code, 4000);
    const channel = await subscribed(pusher, 'news');

    const library = new Pusher({
      appId: app.id, key: app.key, secret: app.secret, host: 'localhost', port, useTLS: true,
    });
    const heard = next(channel, 'released');
    assert.equal((await library.trigger('news', 'released', { version: '4.0.0' })).status, 200);
    assert.deepEqual(await heard, { version: '4.0.0' });
    pusher.disconnect();
  });
}
