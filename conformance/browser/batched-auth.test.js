// js/skywave-auth.js in headless Chromium: unmodified clients that ask for many channels in one
// request, against the demo's authorisation route. What is counted is what the browser sent.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { clients, launch, profile } from '../harness/browser.js';
import { here, startDemo } from '../harness/program.js';

const MODULE = join(here, '../js/skywave-auth.js');
const FORTY = Array.from({ length: 40 }, (_, n) => `private-orders.${n}`);

let browser;
let demo;
before(async () => ([browser, demo] = await Promise.all([launch(), startDemo()])));
after(async () => {
  await browser.close();
  await demo.stop();
});

/** How a page makes its client; runs in the page. */
const makers = {
  authorizer: (Pusher, key, options, { batchAuthorizer }) =>
    new Pusher(key, { ...options, authorizer: batchAuthorizer() }),
  customHandler: (Pusher, key, { authEndpoint: endpoint, ...options }, { batchHandler }) =>
    new Pusher(key, { ...options, channelAuthorization: { customHandler: batchHandler({ endpoint }) } }),
  Echo: (Pusher, key, options, { batchAuthorizer }) =>
    new (Echo.default ?? Echo)({ broadcaster: 'pusher', Pusher, key, ...options, authorizer: batchAuthorizer() }).connector.pusher,
};

for (const [name, client, maker] of [
  ['pusher-js 7.0.3, authorizer', 'pusher-js 7.0.3', 'authorizer'],
  ['pusher-js 8.6.0, authorizer', 'pusher-js 8.6.0', 'authorizer'],
  ['pusher-js 8.6.0, customHandler', 'pusher-js 8.6.0', 'customHandler'],
  ['Laravel Echo', 'Laravel Echo', 'Echo'],
]) {
  describe(name, () => {
    let contexts = [];
    afterEach(async () => {
      await Promise.all(contexts.map((context) => context.close()));
      contexts = [];
    });

    /** A page with a client, not yet connected, and the bodies of its authorisation requests. */
    async function open(who, role) {
      const context = await profile(browser, demo, who, role);
      contexts.push(context);
      const page = await context.newPage();
      page.asked = [];
      page.on('request', (request) => {
        if (request.url().endsWith('/pusher/user-auth')) page.asked.push(new URLSearchParams(request.postData()));
      });
      await page.route('**/skywave-auth.js', (route) => route.fulfill({ path: MODULE, contentType: 'text/javascript' }));
      await page.goto('/client.json');
      for (const path of clients[client].scripts) await page.addScriptTag({ path });
      await page.evaluate(async (make) => {
        const { key, options } = await (await fetch('/client.json')).json();
        window.pusher = eval(make)(Pusher, key, options, await import('/skywave-auth.js'));
        window.results = {};
        window.subscribe = (channels) => {
          for (const name of channels) {
            const channel = pusher.subscribe(name);
            channel.bind('pusher:subscription_succeeded', () => (results[name] = 'subscribed'));
            channel.bind('pusher:subscription_error', ({ error }) => (results[name] = error));
          }
        };
      }, `(${makers[maker]})`);
      return page;
    }

    /** Subscribes in one go and resolves with what became of every channel. */
    async function subscribe(page, channels) {
      await page.evaluate((channels) => subscribe(channels), channels);
      return outcome(page, channels);
    }

    async function outcome(page, channels) {
      await page.waitForFunction((channels) => channels.every((name) => results[name]), channels);
      return page.evaluate(() => results);
    }

    test('forty private channels are one request, before and after connecting', async () => {
      const page = await open('Ada');
      const first = await subscribe(page, FORTY);
      assert.deepEqual(new Set(Object.values(first)), new Set(['subscribed']));
      assert.equal(page.asked.length, 1);
      assert.deepEqual(page.asked[0].getAll('channel_name[]'), FORTY);

      const more = ['private-more', 'presence-room.lobby'];
      const second = await subscribe(page, [...more, 'releases']);
      assert.deepEqual([...more, 'releases'].map((name) => second[name]), Array(3).fill('subscribed'));
      assert.equal(page.asked.length, 2);
      assert.deepEqual(page.asked[1].getAll('channel_name[]'), more);
      assert.equal(await page.evaluate(() => pusher.channel('presence-room.lobby').members.me.info.name), 'Ada');
    });

    test('one request more after reconnecting', async () => {
      const page = await open('Ada');
      await subscribe(page, FORTY);
      await page.evaluate(() => {
        results = {};
        pusher.disconnect();
        pusher.connect();
      });
      const again = await outcome(page, FORTY);
      assert.deepEqual(new Set(Object.values(again)), new Set(['subscribed']));
      assert.equal(page.asked.length, 2);
      assert.notEqual(page.asked[0].get('socket_id'), page.asked[1].get('socket_id'));
    });

    test('one denial does not touch the others, and says why', async () => {
      const page = await open('Ben', 'user');
      const results = await subscribe(page, ['private-a', 'private-admins', 'private-b']);
      assert.equal(results['private-a'], 'subscribed');
      assert.equal(results['private-b'], 'subscribed');
      assert.match(results['private-admins'], /^403 Forbidden/);
      assert.equal(page.asked.length, 1);
    });

    test('a visitor is denied every channel in one answer', async () => {
      const page = await open();
      const results = await subscribe(page, FORTY);
      for (const result of Object.values(results)) assert.match(result, /^403 Forbidden/);
      assert.equal(page.asked.length, 1);
    });

    test('more channels than one request takes are asked for in two', async () => {
      const page = await open('Ada');
      const many = Array.from({ length: 120 }, (_, n) => `private-${n}`);
      const results = await subscribe(page, many);
      assert.deepEqual(new Set(Object.values(results)), new Set(['subscribed']));
      assert.deepEqual(page.asked.map((body) => body.getAll('channel_name[]').length), [100, 20]);
    });

    test('a route that is not there is told for every channel', async () => {
      const page = await open('Ada');
      await page.route('**/pusher/user-auth', (route) => route.fulfill({ status: 404, body: 'Not Found' }));
      const results = await subscribe(page, ['private-a', 'private-b']);
      assert.deepEqual(results, { 'private-a': '404 Not Found', 'private-b': '404 Not Found' });
    });
  });
}
