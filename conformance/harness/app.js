// The app that the tests talk about, and its signatures, computed here and not by a library, so
// that a mistake that a library and the server share would be seen. The values are those of the
// protocol's published examples.

import { createHash, createHmac } from 'node:crypto';

export const app = {
  id: '3',
  key: '278d425bdf160c739803',
  secret: '7ad3773142a6692b25b8',
};

const hmac = (text) => createHmac('sha256', app.secret).update(text).digest('hex');

/** `auth` of a subscription to a private or presence channel. */
export function channelAuth(socketId, channel, channelData) {
  const signed = channelData === undefined ? `${socketId}:${channel}` : `${socketId}:${channel}:${channelData}`;
  return `${app.key}:${hmac(signed)}`;
}

/** `auth` of a sign-in. */
export const userAuth = (socketId, userData) => `${app.key}:${hmac(`${socketId}::user::${userData}`)}`;

/** The query string of a signed API request; `changes` overrides or (undefined) removes parameters. */
export function signedQuery(method, path, body, changes = {}) {
  const parameters = {
    auth_key: app.key,
    auth_timestamp: Math.floor(Date.now() / 1000),
    auth_version: '1.0',
    body_md5: createHash('md5').update(body).digest('hex'),
    ...changes,
  };
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const text = pairs.map(([name, value]) => `${name}=${value}`).sort().join('&');
  return `${text}&auth_signature=${hmac(`${method}\n${path}\n${text}`)}`;
}

/** Publishes over plain HTTP; resolves with the status, the text and the content type. */
export async function post(port, body, { changes, query, path = `/apps/${app.id}/events` } = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const search = query ?? signedQuery('POST', path, text, changes);
  const response = await fetch(`http://127.0.0.1:${port}${path}?${search}`, {
    method: 'POST',
    body: text,
    headers: { 'content-type': 'application/json' },
  });
  return {
    status: response.status,
    text: await response.text(),
    type: response.headers.get('content-type'),
  };
}

/** Publishes an event and insists on success. */
export async function trigger(port, channels, name, data, more = {}) {
  const body = { name, data: typeof data === 'string' ? data : JSON.stringify(data), channels: [channels].flat(), ...more };
  const { status, text } = await post(port, body);
  if (status !== 200) throw new Error(`publishing ${name}: ${status} ${text}`);
}
