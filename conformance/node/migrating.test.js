// docs/migrating.md as it stands: a server is started with each section's file and variables, and the
// unmodified Laravel Echo and server libraries are configured by its blocks. What differs here is only
// where the server is: on a free port of this machine, without TLS.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import Echo from 'laravel-echo';
import Pusher from 'pusher';

import { app, trigger } from '../harness/app.js';
import { startAuthority } from '../harness/authority.js';
import { builds, reaches } from '../harness/clients.js';
import { here, startConfigured } from '../harness/program.js';
import { within } from '../harness/waiting.js';

const page = readFileSync(join(here, '../docs/migrating.md'), 'utf8');
const sections = page.split(/^## From /m).slice(1).map((text) => ({
  name: text.slice(0, text.indexOf('\n')),
  blocks: (language) => [...text.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map(([, code]) => code),
}));

/** The variables of a section's `.env`, with this machine's in the place of those of the page. */
function variables(section, port = '0') {
  const ours = {
    APP_ID: app.id, APP_KEY: app.key, APP_SECRET: app.secret, HOST: '127.0.0.1', PORT: String(port), SCHEME: 'http',
  };
  const all = {};
  for (const line of section.blocks('dotenv')[0].trim().split('\n')) {
    const [, name, value] = /^(\w+)="?(.*?)"?$/.exec(line);
    const known = Object.entries(ours).find(([end]) => name.endsWith(`_${end}`));
    all[name] = known ? known[1] : value.replace(/\$\{(\w+)\}/g, (_, other) => all[other]);
  }
  return all;
}

/** What a block of JavaScript makes with `new NAME(options)`, given the variables. */
function options(code, name, values) {
  let made;
  const Maker = class {
    constructor(given) {
      made = given;
    }
  };
  const bare = code.replaceAll('import.meta.env.', 'env.').replaceAll('process.env.', 'env.');
  new Function(name, 'window', 'env', bare)(Maker, {}, values);
  return made;
}

test('the page has the sections that it promises', () => {
  assert.deepEqual(sections.map(({ name }) => name), ['hosted Pusher', 'Soketi', 'Reverb', 'Laravel WebSockets']);
});

for (const section of sections) {
  describe(`from ${section.name}`, () => {
    let folder;
    let server;
    let authority;
    let env;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'skywave-'));
      const file = join(folder, 'skywave.toml');
      writeFileSync(file, section.blocks('toml')[0]);
      authority = await startAuthority();
      server = await startConfigured(file, variables(section));
      env = variables(section, server.port);
    });
    after(async () => {
      authority.stop();
      await server?.stop();
      rmSync(folder, { recursive: true });
    });

    for (const version of Object.keys(builds)) {
      test(`Laravel Echo with pusher-js ${version} connects as the page says, and hears a private event`, async () => {
        const code = section.blocks('js').find((block) => block.includes('new Echo'));
        const echo = new Echo({
          ...options(code, 'Echo', env),
          Pusher: builds[version],
          // The application's part, which does not change.
          authEndpoint: authority.url,
          auth: { params: { user: 'anna' } },
        });
        await reaches(echo.connector.pusher, 'connected');
        const channel = echo.private('orders');
        await within(new Promise((resolve) => channel.subscribed(resolve)), () => 'the subscription');
        const heard = new Promise((resolve) => channel.listen('OrderShipped', resolve));
        await trigger(server.port, 'private-orders', 'App\\Events\\OrderShipped', { carrier: 'Post' });
        assert.deepEqual(await within(heard, () => 'the event'), { carrier: 'Post' });
        echo.disconnect();
      });
    }

    for (const code of section.blocks('js').filter((block) => block.includes('new Pusher'))) {
      test('the library for Node publishes as the page says', async () => {
        const answer = await new Pusher(options(code, 'Pusher', env)).trigger('orders', 'e', {});
        assert.equal(answer.status, 200);
      });
    }

    for (const code of section.blocks('python')) {
      test('the library for Python publishes as the page says', { skip: !process.env.SKYWAVE_PYTHON }, async () => {
        const script = `${code}\nprint(pusher.trigger("orders", "e", {}))`;
        const { stdout } = await promisify(execFile)(process.env.SKYWAVE_PYTHON, ['-c', script], {
          env: { ...process.env, ...env },
        });
        assert.equal(stdout, '{}\n');
      });
    }
  });
}
