// `skywave serve` with a file, for what has no flag: settings of the tests' app, in TOML.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { app } from './app.js';
import { startServer } from './program.js';

/** A server whose app has these settings besides its id, key and secret. */
export async function startConfigured(settings) {
  const folder = await mkdtemp(join(tmpdir(), 'skywave-'));
  const file = join(folder, 'skywave.toml');
  await writeFile(file, `[[apps]]\nid = "${app.id}"\nkey = "${app.key}"\nsecret = "${app.secret}"\n${settings}\n`);
  try {
    return await startServer('--config', file);
  } finally {
    await rm(folder, { recursive: true });
  }
}
