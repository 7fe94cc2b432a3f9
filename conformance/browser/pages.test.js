// The demo's own pages in headless Chromium, as people use them, with both versions of pusher-js.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { launch, openDemo, profile, webBuilds } from '../harness/browser.js';
import { startDemo } from '../harness/program.js';

for (const [version, assets] of Object.entries(webBuilds)) {
  describe(`the demo with pusher-js ${version}`, () => {
    let browser;
    let demo;
    let contexts = [];
    before(async () => ([browser, demo] = await Promise.all([launch(), startDemo(assets)])));
    after(async () => {
      await browser.close();
      await demo.stop();
    });
    afterEach(async () => {
      await Promise.all(contexts.map((context) => context.close()));
      contexts = [];
    });

    async function user(name, role) {
      const context = await profile(browser, demo, name, role);
      contexts.push(context);
      return context;
    }

    /** The entries of a page's feed that hold `text`. */
    const entries = (page, text) => page.locator('#feed li').filter({ hasText: text });

    test(`loads pusher-js ${version}`, async () => {
      const context = await user();
      const script = await context.request.get('/assets/pusher.min.js');
      assert.match(await script.text(), new RegExp(`\\b${version.replaceAll('.', '\\.')}\\b`));
      await openDemo(context, '/');
    });

    test('the start page logs in and out', async () => {
      const page = await openDemo(await user(), '/');
      await page.getByText('You are a visitor.').waitFor();
      await page.getByLabel('Your name').fill('Ada');
      await page.getByRole('button', { name: 'Enter as admin' }).click();
      await page.getByText('You are Ada, an admin.').waitFor();
      await page.getByRole('button', { name: 'Be a visitor' }).click();
      await page.getByText('You are a visitor.').waitFor();
      assert.deepEqual(page.errors, []);
    });

    test('a release shows on every open page', async () => {
      const context = await user();
      const [one, two] = [await openDemo(context, '/releases'), await openDemo(context, '/releases')];
      await Promise.all([one, two].map(subscribed('releases')));
      await one.getByLabel('Version').fill('4.0.0');
      await one.getByRole('button', { name: 'Release' }).click();
      for (const page of [one, two]) {
        await entries(page, '4.0.0').waitFor();
        await page.locator('.toast').filter({ hasText: '4.0.0' }).waitFor();
        assert.equal(await page.locator('#feed li').count(), 1);
        assert.deepEqual(page.errors, []);
      }
    });

    test('an alert shows to the admin; the user and the visitor are refused and see nothing', async () => {
      const admin = await openDemo(await user('Ada', 'admin'), '/alerts');
      await admin.getByText('this page hears every alert').waitFor();
      const basic = await openDemo(await user('Ben', 'user'), '/alerts');
      const visitor = await openDemo(await user(), '/alerts');
      for (const page of [basic, visitor]) await page.locator('#access', { hasText: 'Refused (403)' }).waitFor();
      await basic.getByLabel('Message').fill('Disk is full');
      await basic.getByRole('button', { name: 'Raise' }).click();
      await entries(admin, 'Disk is full').waitFor();
      await basic.locator('output', { hasText: 'Sent on private-admins.' }).waitFor();
      // The pages are told of a release next; the alert would have come before it.
      for (const page of [basic, visitor]) {
        await page.evaluate(() => {
          window.marker = new Promise((resolve) => pusher.subscribe('releases').bind('NewRelease', resolve));
        });
        await subscribed('releases')(page);
      }
      await basic.request.post('/releases', { form: { version: '4.0.1' } });
      for (const page of [basic, visitor]) {
        await page.evaluate(() => window.marker);
        assert.equal(await page.locator('#feed li').count(), 0);
        assert.equal(await page.locator('.toast', { hasText: 'Disk is full' }).count(), 0);
        assert.deepEqual(page.errors, []);
      }
    });

    test('the lobby: who is here, typing, messages, and who leaves', async () => {
      const [annas, bens] = [await user('Anna'), await user('Ben')];
      const anna = await openDemo(annas, '/chat');
      const tab = await openDemo(annas, '/chat');
      const ben = await openDemo(bens, '/chat');
      for (const page of [anna, tab, ben]) {
        await page.locator('#members li').nth(1).waitFor();
        assert.equal(await page.locator('#members li').count(), 2);
        await page.locator('#count', { hasText: /^2$/ }).waitFor();
      }
      await anna.getByLabel('Message').pressSequentially('hel');
      await ben.getByText('Anna is typing').waitFor();
      await anna.getByLabel('Message').fill('hello Ben');
      await anna.getByRole('button', { name: 'Send' }).click();
      for (const page of [ben, tab, anna]) {
        await page.locator('#log article', { hasText: 'hello Ben' }).waitFor();
      }
      await ben.getByLabel('Message').fill('hello Anna');
      await ben.getByRole('button', { name: 'Send' }).click();
      // The answer comes later than anything that came back of the first message.
      await anna.locator('#log article', { hasText: 'hello Anna' }).waitFor();
      assert.equal(await anna.locator('#log article', { hasText: 'hello Ben' }).count(), 1);
      await tab.close();
      await ben.close();
      await anna.getByText('Ben left.').waitFor();
      assert.equal(await anna.locator('#members li').count(), 1);
      assert.deepEqual(anna.errors, []);
    });

    test('the lobby is closed to visitors', async () => {
      const page = await openDemo(await user(), '/chat');
      await page.getByText('Refused (403)').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true);
    });

    test('a page finds the demo again after a restart', async () => {
      const page = await openDemo(await user(), '/releases');
      await subscribed('releases')(page);
      const before = await page.evaluate(() => pusher.connection.socket_id);
      await demo.stop();
      await demo.startAgain();
      await page.waitForFunction((before) => pusher.connection.socket_id !== before, before);
      await subscribed('releases')(page);
      await page.getByLabel('Version').fill('5.0.0');
      await page.getByRole('button', { name: 'Release' }).click();
      await entries(page, '5.0.0').waitFor();
    });
  });
}

const subscribed = (channel) => (page) =>
  page.waitForFunction((channel) => pusher.connection.state === 'connected' && pusher.channel(channel)?.subscribed, channel);
