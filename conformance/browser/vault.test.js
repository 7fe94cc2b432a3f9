// An encrypted channel in headless Chromium: the example's own page, with the unmodified builds of
// pusher-js that can decrypt.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, openDemo, profile, webBuilds } from '../harness/browser.js';
import { startVault } from '../harness/vault.js';

const CHANNEL = 'private-encrypted-vault';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const subscribed = (page) => page.waitForFunction((name) => window.pusher?.channel(name)?.subscribed, CHANNEL);

for (const [version, assets] of Object.entries(webBuilds)) {
  test(`a note is read by every user's page, with pusher-js ${version}`, async () => {
    const vault = await startVault({}, assets);
    const [ada, ben] = [await profile(browser, vault, 'Ada'), await profile(browser, vault, 'Ben')];
    const pages = [await openDemo(ada, '/vault'), await openDemo(ben, '/vault')];
    await Promise.all(pages.map(subscribed));
    await pages[0].getByLabel('Note').fill('grün ✓ "quoted"');
    await pages[0].getByRole('button', { name: 'Put in' }).click();
    for (const page of pages) {
      await page.locator('#feed li').filter({ hasText: 'grün ✓ "quoted"' }).waitFor();
      assert.deepEqual(page.errors, []);
    }
    await Promise.all([ada.close(), ben.close()]);
    await vault.stop();
  });
}

test('a visitor is refused and reads nothing', async () => {
  const vault = await startVault({});
  const visitor = await profile(browser, vault);
  const page = await openDemo(visitor, '/vault');
  await page.locator('.toast').filter({ hasText: 'refused the subscription' }).waitFor();
  assert.equal(await page.evaluate((name) => window.pusher.channel(name).subscribed, CHANNEL), false);
  await visitor.close();
  await vault.stop();
});
