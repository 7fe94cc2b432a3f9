// Server-sent events in headless Chromium: an EventSource and no library, on a page of another
// origin than the server's; its URL signed by the official library for Node.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Pusher from 'pusher';

import { app, trigger } from '../harness/app.js';
import { startAuthority } from '../harness/authority.js';
import { launch } from '../harness/browser.js';
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

const path = `/apps/${app.key}/sse`;

/** A target that the library signs as it signs its own GET requests. */
function signed(params) {
  const library = new Pusher({ appId: app.id, key: app.key, secret: app.secret });
  return `${path}?${library.createSignedQueryString({ method: 'GET', path, params })}`;
}

/** A page with an EventSource at `target`, which hears these events into `window.heard`. */
async function listening(target, ...events) {
  const context = await browser.newContext();
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  await page.goto(authority.url);
  await page.evaluate(([url, events]) => {
    window.heard = [];
    window.source = new EventSource(url);
    for (const event of [...events, 'pusher_internal:subscription_succeeded', 'error']) {
      source.addEventListener(event, ({ data }) => heard.push([event, data && JSON.parse(data)]));
    }
  }, [`${server.url}${target}`, events]);
  return page;
}

const hears = async (page, event) => {
  const find = (event) => heard.find((entry) => entry[0] === event);
  return (await (await page.waitForFunction(find, event)).jsonValue())[1];
};

const SUBSCRIBED = 'pusher_internal:subscription_succeeded';

test('a public channel', async () => {
  const page = await listening(`${path}?channels=news`, 'NewRelease');
  await hears(page, SUBSCRIBED);
  const data = { version: '4.0.0', text: 'ü😀\n' };
  await trigger(server.port, 'news', 'NewRelease', data);
  const { channel, data: received } = await hears(page, 'NewRelease');
  assert.deepEqual([channel, JSON.parse(received)], ['news', data]);
  await page.context().close();
});

test('a private channel and a presence channel, as a user', async () => {
  const target = signed({
    channels: 'private-orders,presence-room',
    user_data: JSON.stringify({ id: 'anna', user_info: { name: 'Anna' } }),
  });
  const page = await listening(target, 'e');
  const subscribed = () => heard.filter(([event]) => event === 'pusher_internal:subscription_succeeded').length === 2;
  await page.waitForFunction(subscribed);
  await trigger(server.port, 'private-orders', 'e', 1);
  assert.equal((await hears(page, 'e')).channel, 'private-orders');
  await page.context().close();
});

test('a refusal ends all tries', async () => {
  const page = await listening(`${path}?channels=private-orders`);
  await hears(page, 'error');
  assert.equal(await page.evaluate(() => source.readyState), 2);
  await page.context().close();
});

test('it comes back by itself when the server has restarted', async () => {
  const page = await listening(`${path}?channels=news`, 'e');
  await hears(page, SUBSCRIBED);
  await server.stop('SIGTERM');
  await server.startAgain();
  await page.waitForFunction(() => heard.filter(([event]) => event === 'pusher_internal:subscription_succeeded').length === 2);
  await trigger(server.port, 'news', 'e', 1);
  await hears(page, 'e');
  await page.context().close();
});
