// pusher-js 7 and 8 and Laravel Echo in headless Chromium, each with the options that the demo hands
// out, against everything that the demo broadcasts.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { clients, heard, hears, launch, openClient, profile } from '../harness/browser.js';
import { startDemo } from '../harness/program.js';

const ROOM = 'presence-room.lobby';

let browser;
let demo;
before(async () => ([browser, demo] = await Promise.all([launch(), startDemo()])));
after(async () => {
  await browser.close();
  await demo.stop();
});

/** Posts a form from outside all pages, as a user's browser would. */
async function post(context, path, form) {
  const answer = await context.request.post(path, { form });
  assert.ok(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`);
}

const release = (context, version) => post(context, '/releases', { version });

for (const [name, client] of Object.entries(clients)) {
  describe(name, () => {
    let contexts = [];
    afterEach(async () => {
      await Promise.all(contexts.map((context) => context.close()));
      contexts = [];
    });

    /** Opens `pages` pages as this user; resolves with their context and them. */
    async function user(who, role, pages = 1) {
      const context = await profile(browser, demo, who, role);
      contexts.push(context);
      const opened = [];
      for (let n = 0; n < pages; n += 1) opened.push(await openClient(context, client));
      return [context, ...opened];
    }

    /** Subscribes to a channel and waits for the answer. */
    async function listen(page, channel, ...events) {
      await page.evaluate(([channel, events]) => window.listen(channel, ...events), [channel, events]);
      await hears(page, channel, 'subscribed');
    }

    async function join(page, ...events) {
      await page.evaluate(([room, events]) => window.join(room, ...events), [ROOM, events]);
      return hears(page, ROOM, 'here');
    }

    test('a release is shown to every visitor', async () => {
      const [context, one, two] = await user(undefined, undefined, 2);
      for (const page of [one, two]) await listen(page, 'releases', 'NewRelease');
      await release(context, '4.0.0');
      for (const page of [one, two]) {
        const data = await hears(page, 'releases', 'NewRelease');
        assert.deepEqual(data, { message: 'Version 4.0.0 has been released !' });
      }
    });

    test('an alert is shown to the admin; the user and the visitor are refused with 403 and hear nothing', async () => {
      const [, admin] = await user('Ada', 'admin');
      const [basic, basicPage] = await user('Ben', 'user');
      const [, visitor] = await user();
      await listen(admin, 'private-admins', 'AdminUserAlert');
      for (const page of [basicPage, visitor]) {
        const answered = page.waitForResponse('**/pusher/user-auth');
        await page.evaluate(() => window.listen('private-admins', 'AdminUserAlert'));
        assert.equal((await answered).status(), 403);
        assert.equal(await hears(page, 'private-admins', 'refused'), 403);
        await listen(page, 'releases', 'NewRelease');
      }
      await post(basic, '/alerts', { message: 'Disk is full', level: 'error' });
      assert.deepEqual(await hears(admin, 'private-admins', 'AdminUserAlert'), {
        message: 'Disk is full',
        level: 'error',
      });
      // What the others were to hear would have come before this.
      await release(basic, '4.0.1');
      for (const page of [basicPage, visitor]) {
        await hears(page, 'releases', 'NewRelease');
        const events = (await heard(page)).map((entry) => entry[1]);
        assert.deepEqual(events, ['refused', 'subscribed', 'NewRelease']);
      }
    });

    test('three pages, two of one user: two members, who come and go once', async () => {
      const [, anna] = await user('Anna');
      const [, first, second] = await user('Ben', 'user', 2);
      assert.deepEqual(await join(anna), ['Anna']);
      assert.deepEqual(await join(first), ['Anna', 'Ben']);
      assert.deepEqual(await join(second), ['Anna', 'Ben']);
      assert.equal(await hears(anna, ROOM, 'joined'), 'Ben');
      await first.close();
      const [, carl] = await user('Carl');
      assert.deepEqual(await join(carl), ['Anna', 'Ben', 'Carl']);
      await second.close();
      assert.equal(await hears(anna, ROOM, 'left'), 'Ben');
      const moves = (await heard(anna)).filter((entry) => ['joined', 'left'].includes(entry[1]));
      assert.deepEqual(moves.map((entry) => entry.slice(1)), [
        ['joined', 'Ben'],
        ['joined', 'Carl'],
        ['left', 'Ben'],
      ]);
    });

    test('a visitor is refused the room', async () => {
      const [, page] = await user();
      await page.evaluate((room) => window.join(room), ROOM);
      assert.equal(await hears(page, ROOM, 'refused'), 403);
    });

    test('typing goes from page to page, and not back', async () => {
      const [context, anna] = await user('Anna');
      const [, ben] = await user('Ben');
      for (const page of [anna, ben]) {
        await join(page, 'client-typing');
        await listen(page, 'releases', 'NewRelease');
      }
      await anna.evaluate((room) => window.say(room, 'typing', { on: true }), ROOM);
      assert.deepEqual(await hears(ben, ROOM, 'client-typing'), { on: true });
      await release(context, '4.0.2');
      await hears(anna, 'releases', 'NewRelease');
      assert.ok((await heard(anna)).every((entry) => entry[1] !== 'client-typing'));
    });

    test('a message goes to all pages but the one that sent it', async () => {
      const [context, anna, other] = await user('Anna', 'user', 2);
      const [, ben] = await user('Ben');
      for (const page of [anna, other, ben]) {
        await join(page, 'NewMessage');
        await listen(page, 'releases', 'NewRelease');
      }
      const status = await anna.evaluate(async () => {
        const headers = { 'X-Socket-ID': window.socketId() };
        const body = new URLSearchParams({ text: 'hello' });
        return (await fetch('/chat', { method: 'POST', headers, body })).status;
      });
      assert.equal(status, 200);
      for (const page of [other, ben]) assert.equal((await hears(page, ROOM, 'NewMessage')).text, 'hello');
      await release(context, '4.0.3');
      await hears(anna, 'releases', 'NewRelease');
      assert.ok((await heard(anna)).every((entry) => entry[1] !== 'NewMessage'));
    });

    test('comes back by itself when the server has restarted', async () => {
      const [context, page] = await user();
      await listen(page, 'releases', 'NewRelease');
      const before = await page.evaluate(() => window.socketId());
      await demo.stop();
      await demo.startAgain();
      await page.waitForFunction((before) => window.socketId() && window.socketId() !== before, before);
      await page.waitForFunction(() => window.heard.filter((entry) => entry[1] === 'subscribed').length === 2);
      await release(context, '4.0.4');
      assert.match((await hears(page, 'releases', 'NewRelease')).message, /4\.0\.4/);
    });

    if (client.signsIn) {
      test('signs in at the same address', async () => {
        const [, page] = await user('Anna');
        const answered = page.waitForResponse('**/pusher/user-auth');
        await page.evaluate(() => window.signIn());
        assert.equal((await answered).status(), 200);
        await hears(page, 'user', 'signed in');
      });

      test('a visitor cannot sign in', async () => {
        const [, page] = await user();
        const answered = page.waitForResponse('**/pusher/user-auth');
        await page.evaluate(() => window.signIn());
        assert.equal((await answered).status(), 403);
      });
    }
  });
}
