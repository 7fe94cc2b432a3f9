// The example for another Rust framework than axum, with unmodified pusher-js: the authorisation is
// answered by a handler of the framework, the connection goes to the embedded server.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { builds, next, reaches, subscribed } from '../harness/clients.js';
import { startExample } from '../harness/program.js';

let actix;
before(async () => (actix = await startExample('with-actix')));
after(() => actix.stop());

for (const [version, Pusher] of Object.entries(builds)) {
  describe(`with-actix and pusher-js ${version}`, () => {
    const clients = [];
    afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

    /** A client of this user, with the options that the application hands out. */
    async function client(user) {
      const { key, options } = await (await fetch(`${actix.url}/client.json`)).json();
      const headers = { Authorization: `Bearer ${user}` };
      const pusher = new Pusher(key, { ...options, authEndpoint: `${actix.url}${options.authEndpoint}`, auth: { headers } });
      clients.push(pusher);
      await reaches(pusher, 'connected');
      return pusher;
    }

    test('a note is heard by the other pages of its user', async () => {
      const [page, other] = [await client('ada'), await client('ada')];
      const channels = [];
      for (const pusher of [page, other]) channels.push(await subscribed(pusher, 'private-users.ada'));
      const [own, heard] = channels;
      const notes = [];
      own.bind('Note', (text) => notes.push(text));
      const note = async (text, headers = {}) => {
        const arrived = next(heard, 'Note');
        const answer = await fetch(`${actix.url}/notes`, {
          method: 'POST',
          headers: { Authorization: 'Bearer ada', ...headers },
          body: new URLSearchParams({ text }),
        });
        assert.deepEqual(await answer.json(), { sent: ['private-users.ada'], skipped: [] });
        assert.equal(await arrived, text);
      };
      await note('buy milk', { 'X-Socket-ID': page.connection.socket_id });
      // What the page was to hear would have come before this one.
      const last = next(own, 'Note');
      await note('and bread');
      await last;
      assert.deepEqual(notes, ['and bread']);
    });

    test('somebody else is refused with 403', async () => {
      const pusher = await client('ben');
      const channel = pusher.subscribe('private-users.ada');
      assert.equal((await next(channel, 'pusher:subscription_error')).status, 403);
    });
  });
}
