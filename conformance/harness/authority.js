// The application's side of authorisation, as an HTTP server: says who may subscribe and who a
// connection is. The user is whatever the client claims in the parameter `user`; nobody without one.

import { createServer } from 'node:http';
import { once } from 'node:events';

import { channelAuth, userAuth } from './app.js';

/** Starts it on a free port; `stop()` ends it. */
export async function startAuthority() {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const [status, answer] = authorise(new URLSearchParams(body));
    // The pages that ask come from another port.
    response.setHeader('access-control-allow-origin', '*');
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}/pusher/user-auth`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function authorise(form) {
  const [socketId, channel, user] = ['socket_id', 'channel_name', 'user'].map((name) => form.get(name));
  if (!user) return [403, { error: 'Forbidden' }];
  if (!channel) {
    const userData = JSON.stringify({ id: user });
    return [200, { auth: userAuth(socketId, userData), user_data: userData }];
  }
  if (channel.startsWith('presence-')) {
    const member = JSON.stringify({ user_id: user, user_info: { name: `Name of ${user}` } });
    return [200, { auth: channelAuth(socketId, channel, member), channel_data: member }];
  }
  // For the tests of what the server says to a signature that is wrong.
  if (channel.endsWith('-forged')) return [200, { auth: channelAuth(socketId, `${channel}x`) }];
  return [200, { auth: channelAuth(socketId, channel) }];
}
