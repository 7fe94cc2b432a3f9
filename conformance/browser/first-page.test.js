// What `skywave serve` prints when nothing is configured: a page that listens and a command that
// sends, both taken as they are.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { launch, webBuilds } from '../harness/browser.js';
import { programs, startExample } from '../harness/program.js';
import { LIMIT_MS } from '../harness/waiting.js';

let browser;
let folder;
let server;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skywave-first-page-'));
  [browser, server] = await Promise.all([launch(), startExample('skywave', 'serve')]);
});
after(async () => {
  await browser.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

test('the printed page hears what the printed command sends', async () => {
  const [html] = await server.prints(/<!doctype html>[^]*<\/script>\n\n/);
  const [command] = await server.prints(/skywave trigger [^]*?\/apps\/\S+\n/);

  const file = join(folder, 'listen.html');
  await writeFile(file, html);
  const page = await browser.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  // The tests have no network; the version on the network is the one in this folder, or older.
  const library = join(webBuilds['8.6.0'], 'pusher.min.js');
  await page.route('https://js.pusher.com/**', (route) => route.fulfill({ path: library }));
  await page.goto(pathToFileURL(file).href);
  await page.getByText('pusher:subscription_succeeded').waitFor();

  const env = { ...process.env, PATH: `${programs}:${process.env.PATH}` };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { env });
  assert.equal(stdout, 'sent hello to greetings\n');
  await page.getByText('hello {"text":"it works"}').waitFor();
  assert.deepEqual(errors, []);
});
