// Starts the example with the encrypted channel: with the driver that the environment names.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { here } from './program.js';
import { within } from './waiting.js';

const folder = process.env.SKYWAVE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(here, '../target'), 'debug');

/** Resolves with its `url`, and `stop()` ends it. `assets` is a folder with a web build of pusher-js. */
export async function startVault(environment, assets = join(here, 'node_modules/pusher-js/dist/web')) {
  const child = spawn(join(folder, 'vault'), ['--port', '0', '--assets', assets], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
  const ready = new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      const address = /^Skywave vault: (\S+)$/m.exec(output);
      if (address) resolve(address[1]);
    });
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`vault ended (${status})\n${output}`)));
  });
  const url = await within(ready, () => `vault to start\n${output}`);
  return {
    url,
    async stop() {
      child.kill('SIGINT');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Logs in; resolves with a `fetch` for paths of the program that is that user's. */
export async function loggedIn(vault, name) {
  const form = (fields) => ({ method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  const answer = await fetch(`${vault.url}/login`, form({ name, role: 'user' }));
  const cookie = answer.headers.getSetCookie().map((text) => text.split(';')[0]).join('; ');
  return (path, fields) => fetch(`${vault.url}${path}`, { ...(fields && form(fields)), headers: { cookie } });
}
