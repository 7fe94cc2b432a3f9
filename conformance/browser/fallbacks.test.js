// pusher-js for browsers in headless Chromium, each of its transports by force, on a page of another
// origin than the server's, so that every post has a preflight before it.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { app, trigger } from '../harness/app.js';
import { startAuthority } from '../harness/authority.js';
import { clients, launch } from '../harness/browser.js';
import { overHttp, options } from '../harness/clients.js';
import { startServer } from '../harness/program.js';
import { LIMIT_MS } from '../harness/waiting.js';

let browser;
let server;
let authority;
before(async () => ([browser, server, authority] = await Promise.all([launch(), startServer(), startAuthority()])));
after(async () => {
  await browser.close();
  authority.stop();
  await server.stop();
});

for (const [name, client] of Object.entries(clients).filter(([name]) => name.startsWith('pusher-js'))) {
  for (const transport of ['ws', 'xhr_streaming', 'xhr_polling']) {
    describe(`${name} by ${transport}`, () => {
      let pages = [];
      afterEach(async () => {
        await Promise.all(pages.map((page) => page.context().close()));
        pages = [];
      });

      /** A page that is connected as `user`; it hears everything into `window.heard`. */
      async function open(user, { port = server.port, prepare, ...more } = {}) {
        const context = await browser.newContext();
        context.setDefaultTimeout(LIMIT_MS);
        const page = await context.newPage();
        pages.push(page);
        if (prepare) await page.addInitScript(prepare);
        await page.goto(authority.url);
        for (const path of client.scripts) await page.addScriptTag({ path });
        const settings = options(port, { authority, user, ...overHttp(port, transport), ...more });
        await page.evaluate(([key, settings]) => {
          window.heard = [];
          window.pusher = new Pusher(key, settings);
          window.listen = (name) => {
            const channel = pusher.subscribe(name);
            channel.bind_global((event, data) => heard.push([event, data]));
          };
        }, [app.key, settings]);
        return page;
      }

      async function connected(user, more) {
        const page = await open(user, more);
        await page.waitForFunction(() => pusher.connection.state === 'connected');
        return page;
      }

      async function listening(page, channel) {
        await page.evaluate((channel) => listen(channel), channel);
        await page.waitForFunction((channel) => pusher.channel(channel).subscribed, channel);
      }

      const hears = async (page, event) => {
        const find = (event) => heard.find((entry) => entry[0] === event);
        return (await (await page.waitForFunction(find, event)).jsonValue())[1];
      };

      test('hears and says what it should', async () => {
        const [anna, ben] = [await connected('anna'), await connected('ben')];
        const used = await anna.evaluate(() => pusher.connection.connection.transport.name);
        assert.equal(used, transport);
        for (const page of [anna, ben]) await listening(page, 'presence-room');
        await trigger(server.port, 'presence-room', 'e', { text: 'ü😀\n' });
        for (const page of [anna, ben]) assert.deepEqual(await hears(page, 'e'), { text: 'ü😀\n' });
        await anna.evaluate(() => pusher.channel('presence-room').trigger('client-typing', { on: true }));
        assert.deepEqual(await hears(ben, 'client-typing'), { on: true });
      });

      test('trap 16: little is said while nothing happens, and it stays connected', async () => {
        const impatient = await startServer('--activity-timeout', '1');
        const page = await connected('anna', { port: impatient.port });
        await page.evaluate(() => pusher.connection.bind('state_change', () => heard.push(['state_change'])));
        let posts = 0;
        page.on('request', (request) => (posts += request.url().includes('xhr')));
        await new Promise((resolve) => setTimeout(resolve, 4_500));
        assert.deepEqual(await page.evaluate(() => heard), []);
        assert.ok(posts <= 20, `${posts} requests`);
        await listening(page, 'news');
        await impatient.stop();
      });

      test('loses nothing of a megabyte', async () => {
        const page = await connected('anna');
        await listening(page, 'much');
        const padding = 'ü'.repeat(4_500);
        for (let n = 0; n < 220; n += 1) await trigger(server.port, 'much', 'e', { n, padding });
        await page.waitForFunction(() => heard.filter(([event]) => event === 'e').length === 220);
        const numbers = await page.evaluate(() => heard.filter(([event]) => event === 'e').map(([, data]) => data.n));
        assert.deepEqual(numbers, [...numbers.keys()]);
      });

      if (client.signsIn) {
        test('signs in, and gets what is sent to its user', async () => {
          const page = await connected('anna');
          await page.evaluate(() => {
            pusher.user.bind('dm', (data) => heard.push(['dm', data]));
            pusher.signin();
          });
          await page.waitForFunction(() => pusher.user.serverToUserChannel?.subscribed);
          await trigger(server.port, '#server-to-user-anna', 'dm', { k: 1 });
          assert.deepEqual(await hears(page, 'dm'), { k: 1 });
        });
      }

      if (transport === 'xhr_streaming') {
        test('is what the client comes to by itself where WebSockets fail', async () => {
          const prepare = () => {
            window.WebSocket = class {
              constructor() {
                setTimeout(() => this.onclose?.({ code: 1006, wasClean: false }), 10);
              }
              close() {}
            };
          };
          const enabledTransports = ['ws', 'wss', 'xhr_streaming', 'xhr_polling'];
          const page = await connected('anna', { prepare, enabledTransports });
          assert.match(await page.evaluate(() => pusher.connection.connection.transport.name), /^xhr_/);
          await listening(page, 'private-news');
        });
      }
    });
  }
}
