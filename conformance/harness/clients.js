// The unmodified pusher-js builds for Node, by version.

import { createRequire } from 'node:module';

import { app } from './app.js';
import { within } from './waiting.js';

const require = createRequire(import.meta.url);
export const builds = Object.fromEntries(
  ['pusher-js-7', 'pusher-js'].map((name) => [require(`${name}/package.json`).version, require(name)]),
);

/** Options for a server on a port of this machine, in the form that both versions read. */
export const options = (port, { authority, user, ...more } = {}) => ({
  cluster: '',
  wsHost: '127.0.0.1',
  wsPort: port,
  forceTLS: false,
  enabledTransports: ['ws'],
  authEndpoint: authority?.url,
  auth: { params: user ? { user } : {} },
  userAuthentication: { endpoint: authority?.url, params: user ? { user } : {} },
  ...more,
});

/** More options: only this transport, by requests instead of a WebSocket. */
export const overHttp = (port, transport) => ({
  httpHost: '127.0.0.1',
  httpPort: port,
  enabledTransports: [transport],
});

/** A client of `version` with its own `connection`; `log` has what it logged. */
export function client(version, port, settings, key = app.key) {
  const Pusher = builds[version];
  const pusher = new Pusher(key, options(port, settings));
  // Without a listener the emitter would report errors of the tests that want them on the console.
  pusher.connection.bind('error', () => {});
  return pusher;
}

/** Resolves with the data that the next `event` of `emitter` carries. */
export const next = (emitter, event) =>
  within(
    new Promise((resolve) => {
      const listener = (data) => {
        emitter.unbind(event, listener);
        resolve(data);
      };
      emitter.bind(event, listener);
    }),
    () => `the event ${event}`,
  );

/** Resolves when the connection is in this state. */
export async function reaches(pusher, state) {
  while (pusher.connection.state !== state) await next(pusher.connection, 'state_change');
}

/** Subscribes and resolves with the channel when that has succeeded, fails when it is refused. */
export async function subscribed(pusher, name) {
  const channel = pusher.subscribe(name);
  const refused = next(channel, 'pusher:subscription_error').then(
    (error) => Promise.reject(new Error(`${name}: ${JSON.stringify(error)}`)),
  );
  await Promise.race([next(channel, 'pusher:subscription_succeeded'), refused]);
  refused.catch(() => {});
  return channel;
}
