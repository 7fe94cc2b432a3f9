// What an app may use of a server, as clients and publishers see the end of it (protocol §1.14, §2.4).

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Pusher from 'pusher';

import { app } from '../harness/app.js';
import { builds, client, next, reaches } from '../harness/clients.js';
import { startConfigured } from '../harness/program.js';
import { Socket } from '../harness/socket.js';

let folder;
before(() => (folder = mkdtempSync(join(tmpdir(), 'skywave-'))));
after(() => rmSync(folder, { recursive: true }));

/** A server whose app has these limits. */
function limited(limits) {
  const file = join(folder, 'skywave.toml');
  writeFileSync(file, `[[apps]]\nid = "${app.id}"\nkey = "${app.key}"\nsecret = "${app.secret}"\n[apps.limits]\n${limits}\n`);
  return startConfigured(file);
}

describe('connections', () => {
  for (const version of Object.keys(builds)) {
    test(`pusher-js ${version} stays disconnected when the app has as many as it may have`, async () => {
      const server = await limited('connections = 1');
      const first = client(version, server.port);
      await reaches(first, 'connected');
      const second = client(version, server.port);
      const error = await next(second.connection, 'error');
      assert.equal((error.error ?? error).data.code, 4004);
      await reaches(second, 'disconnected');
      assert.equal(first.connection.state, 'connected');
      first.disconnect();
      // The place is free as soon as the server has seen that.
      for (let admitted = false; !admitted;) {
        const socket = new Socket(server.port);
        await socket.opened;
        admitted = (await socket.next()).event === 'pusher:connection_established';
        await (admitted ? socket.close() : socket.closed);
      }
      await server.stop();
    });
  }
});

describe('published events', () => {
  test('the library for Node is told that there were too many, and by which limit', async () => {
    const server = await limited('events_per_second = 3');
    const library = new Pusher({
      appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(server.port),
    });
    const event = { channel: 'news', name: 'e', data: {} };
    // More at once than a second may have is refused at any time.
    await assert.rejects(library.triggerBatch([event, event, event, event]), (error) => {
      assert.equal(error.status, 429);
      assert.equal(error.body, 'Too many events: the application publishes at most 3 in a second');
      return true;
    });
    assert.equal((await library.trigger('news', 'e', {})).status, 200);
    await server.stop();
  });
});
