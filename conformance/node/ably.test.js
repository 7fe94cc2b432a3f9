// The tokens that the authorisation route signs when Ably is the driver, with unmodified ably-js. What
// Ably does with them is done by a small server in this file, on this machine: it checks signatures
// and times, and tells the client who it is.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import Ably from 'ably';
import { WebSocketServer } from 'ws';

import { startExample } from '../harness/program.js';

const [keyName, secret] = 'aBcDeF.GhIjKl:0123456789abcdefSecret'.split(':');
const mac = (text) => createHmac('sha256', secret).update(text);

const programs = {};
let ably;
before(async () => {
  ably = await startAbly();
  programs.jwt = await startExample('examples/ably-tokens', 'jwt');
  programs.request = await startExample('examples/ably-tokens', 'request');
});
after(async () => {
  ably.close();
  await Promise.all(Object.values(programs).map((program) => program.stop()));
});

/** What a page of this user passes to ably-js; the channels are asked for by number. */
function options(form, user, channels) {
  return {
    authUrl: `${programs[form].url}/broadcasting/authorize`,
    authMethod: 'POST',
    authHeaders: user ? { 'x-user': user } : {},
    authParams: Object.fromEntries(channels.map((name, n) => [`channel_name[${n}]`, name])),
    // Where "Ably" is.
    endpoint: '127.0.0.1',
    port: ably.port,
    tls: false,
    useBinaryProtocol: false,
    fallbackHosts: [],
    disconnectedRetryTimeout: 60_000,
    logLevel: 0,
  };
}

const asked = ['news', 'private-users.ada', 'private-users.bob', 'presence-lobby'];
const granted = { news: ['subscribe'], 'presence-lobby': ['presence', 'subscribe'], 'private-users.ada': ['subscribe'] };

describe('a JWT', () => {
  test('is what ably-js takes for a token', async () => {
    const rest = new Ably.Rest(options('jwt', 'ada', asked));
    const { token } = await rest.auth.authorize();
    const { head, claims } = opened(token);
    assert.deepEqual(head, { typ: 'JWT', alg: 'HS256', kid: keyName });
    assert.equal(claims['x-ably-clientId'], 'ada');
    assert.deepEqual(JSON.parse(claims['x-ably-capability']), granted);
    assert.equal(claims['ably.channel.presence-lobby'], '{"name":"ADA"}');
  });

  test('connects ably-js as its user', async () => {
    const realtime = new Ably.Realtime({ ...options('jwt', 'ada', asked), autoConnect: false });
    try {
      realtime.connect();
      await connected(realtime);
      assert.equal(realtime.auth.clientId, 'ada');
    } finally {
      realtime.close();
    }
  });

  test('is not taken when somebody says to be another user', async () => {
    const realtime = new Ably.Realtime({ ...options('jwt', 'ada', asked), clientId: 'bob', autoConnect: false });
    try {
      const failed = realtime.connection.whenState('failed');
      realtime.connect();
      await failed;
      assert.equal(realtime.connection.errorReason.statusCode, 403);
    } finally {
      realtime.close();
    }
  });

  test('is not given to a visitor for private channels only', async () => {
    const rest = new Ably.Rest(options('jwt', undefined, ['private-users.ada']));
    await assert.rejects(rest.auth.authorize(), { statusCode: 403 });
  });
});

describe('a request for a token', () => {
  test('is exchanged by ably-js for the token', async () => {
    const rest = new Ably.Rest(options('request', 'ada', asked));
    const details = await rest.auth.authorize();
    assert.equal(details.clientId, 'ada');
    assert.deepEqual(JSON.parse(details.capability), granted);
  });

  test('is what ably-js itself would sign', async () => {
    const ours = ably.requests.at(-1);
    const rest = new Ably.Rest({ key: `${keyName}:${secret}`, logLevel: 0 });
    const { capability, clientId, ttl, timestamp, nonce } = ours;
    const theirs = await rest.auth.createTokenRequest({ capability, clientId, ttl, timestamp, nonce });
    assert.deepEqual({ ...theirs }, ours);
  });
});

async function connected(realtime) {
  const { connection } = realtime;
  const failed = connection.whenState('failed').then(() => assert.fail(connection.errorReason));
  await Promise.race([connection.whenState('connected'), failed]);
}

/** The parts of a JWT whose signature and times are right, as Ably looks at them. */
function opened(token) {
  const [head, claims, signature] = token.split('.');
  assert.equal(signature, mac(`${head}.${claims}`).digest('base64url'));
  const parsed = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  const { iat, exp } = parsed(claims);
  const now = Date.now() / 1000;
  assert.ok(iat <= now + 1 && now < exp && exp <= iat + 24 * 3600, `${iat} to ${exp}`);
  return { head: parsed(head), claims: parsed(claims) };
}

/** A request for a token whose signature is right. */
function exchanged(request) {
  const { ttl, capability, clientId, timestamp, nonce } = request;
  assert.equal(request.keyName, keyName);
  assert.ok(nonce.length >= 16 && Math.abs(Date.now() - timestamp) < 60_000);
  const signed = [keyName, ttl, capability, clientId ?? '', timestamp, nonce].map((field) => `${field}\n`);
  assert.equal(request.mac, mac(signed.join('')).digest('base64'));
  return { token: `${keyName}.token`, keyName, issued: timestamp, expires: timestamp + ttl, capability, clientId };
}

/** The two things that a client does with what it was given: exchange it, and connect with it. */
async function startAbly() {
  const requests = [];
  const server = createServer(async (request, response) => {
    try {
      assert.equal(request.url.split('?')[0], `/keys/${keyName}/requestToken`);
      let body = '';
      for await (const chunk of request) body += chunk;
      requests.push(JSON.parse(body));
      response.setHeader('content-type', 'application/json').end(JSON.stringify(exchanged(requests.at(-1))));
    } catch (error) {
      refuse(response, error);
    }
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const say = (message) => socket.send(JSON.stringify(message));
    try {
      const { claims } = opened(query.get('accessToken') ?? query.get('access_token'));
      const clientId = claims['x-ably-clientId'];
      const details = { clientId, connectionKey: 'c!k', maxIdleInterval: 15_000, connectionStateTtl: 120_000 };
      say({ action: 4, connectionId: 'c', connectionDetails: { ...details, maxMessageSize: 65_536 } });
    } catch (error) {
      say({ action: 9, error: { code: 40_101, statusCode: 401, message: error.message } });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    sockets.close();
    server.close();
  };
  return { port: server.address().port, requests, close };
}

function refuse(response, error) {
  response.writeHead(401, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { code: 40_101, statusCode: 401, message: error.message } }));
}
