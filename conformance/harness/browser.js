// Headless Chromium against the demo: its own pages, and pages of the tests for each client library.

import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { here } from './program.js';
import { LIMIT_MS } from './waiting.js';

const modules = join(here, 'node_modules');

/** Folders with the web builds of pusher-js, by version. */
export const webBuilds = {
  '7.0.3': join(modules, 'pusher-js-7/dist/web'),
  '8.6.0': join(modules, 'pusher-js/dist/web'),
};

/** The clients that the tests' own pages are for. */
export const clients = {
  'pusher-js 7.0.3': { scripts: [join(webBuilds['7.0.3'], 'pusher.min.js')], adapter: 'pusher.js' },
  'pusher-js 8.6.0': { scripts: [join(webBuilds['8.6.0'], 'pusher.min.js')], adapter: 'pusher.js', signsIn: true },
  'Laravel Echo': {
    scripts: [join(webBuilds['8.6.0'], 'pusher.min.js'), join(modules, 'laravel-echo/dist/echo.iife.js')],
    adapter: 'echo.js',
  },
};

export const launch = () => chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});

/** A browser profile in which `name` is logged in with `role`; a visitor's without a name. */
export async function profile(browser, demo, name, role = 'user') {
  const context = await browser.newContext({ baseURL: demo.url });
  context.setDefaultTimeout(LIMIT_MS);
  if (name) {
    const answer = await context.request.post('/login', { form: { name, role } });
    if (!answer.ok()) throw new Error(`logging in as ${name}: ${answer.status()} ${await answer.text()}`);
  }
  return context;
}

/** Opens one of the demo's own pages and waits until it says that it is connected. */
export async function openDemo(context, path) {
  const page = failing(await context.newPage());
  await page.goto(path);
  await page.locator('#connection[data-state=connected]').waitFor();
  return page;
}

/**
 * Opens a page of the tests with `client` and waits until it is connected. It is put into a document
 * that the demo itself serves, so that sessions and forms are those of the demo's own pages, and the
 * browser sees that page and server are both on this machine.
 */
export async function openClient(context, client) {
  const page = failing(await context.newPage());
  await page.goto('/client.json');
  for (const path of client.scripts) await page.addScriptTag({ path });
  await page.addScriptTag({ path: join(here, 'browser/pages', client.adapter), type: 'module' });
  await page.waitForFunction(() => window.socketId?.());
  return page;
}

/** An error that a page does not catch fails the test at the next look at it. */
function failing(page) {
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error));
  return page;
}

/** What a page of the tests has heard, as [channel, event, data]. */
export async function heard(page) {
  if (page.errors.length > 0) throw page.errors[0];
  return page.evaluate(() => window.heard);
}

/** Waits until such a page has heard `event` on `channel`, and resolves with its data. */
export async function hears(page, channel, event) {
  const find = ([channel, event]) => window.heard.find((entry) => entry[0] === channel && entry[1] === event);
  const handle = await page.waitForFunction(find, [channel, event]).catch(async (error) => {
    throw new Error(`${event} on ${channel} was not heard, but ${JSON.stringify(await heard(page))}`, { cause: error });
  });
  return (await handle.jsonValue())[2];
}
