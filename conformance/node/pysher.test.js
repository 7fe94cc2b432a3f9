// Pysher, the Python client, which speaks protocol 6, says a ping before it has read anything, and goes
// by error events instead of close codes (traps 13, 15, 17).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { app, trigger } from '../harness/app.js';
import { startServer } from '../harness/program.js';
import { Socket } from '../harness/socket.js';
import { Inbox } from '../harness/waiting.js';

const script = `
import json, sys, threading
import pysher
key, secret, port = sys.argv[1:]
pusher = pysher.Pusher(key, secure=False, secret=secret, custom_host="127.0.0.1", port=int(port),
                       user_data={"user_id": "py", "user_info": {"name": "Py"}})
def say(*what):
    print(json.dumps(what), flush=True)
def connected(data):
    say("connected", json.loads(data)["activity_timeout"])
    for name in ["py-public", "private-py", "presence-py"]:
        channel = pusher.subscribe(name)
        for event in ["pusher_internal:subscription_succeeded", "pusher_internal:member_added", "e"]:
            channel.bind(event, lambda data, name=name, event=event: say(name, event, json.loads(data)))
pusher.connection.bind("pusher:connection_established", connected)
pusher.connection.bind("pusher:error", lambda data: say("error", data))
pusher.connection.bind("pusher:pong", lambda data: say("pong"))
pusher.connect()
sys.stdin.read()
pusher.disconnect()
`;

describe('Pysher', { skip: !process.env.SKYWAVE_PYTHON && 'SKYWAVE_PYTHON names no Python' }, () => {
  let server;
  const running = [];
  before(async () => (server = await startServer()));
  after(async () => {
    running.forEach((child) => child.kill());
    await server.stop();
  });

  /** What a client with this key and secret says, line by line. */
  function start(key, secret) {
    const child = spawn(process.env.SKYWAVE_PYTHON, ['-c', script, key, secret, String(server.port)]);
    running.push(child);
    const said = new Inbox();
    createInterface({ input: child.stdout }).on('line', (line) => said.put(JSON.parse(line)));
    return said;
  }

  test('connects, is answered, and hears what it has subscribed to', async () => {
    const said = start(app.key, app.secret);
    const first = [];
    while (first.length < 5) first.push(JSON.stringify(await said.take()));
    const member = { presence: { count: 1, ids: ['py'], hash: { py: { name: 'Py' } } } };
    const success = 'pusher_internal:subscription_succeeded';
    assert.deepEqual(new Set(first), new Set([
      ['connected', 120], ['pong'],
      ['py-public', success, {}], ['private-py', success, {}], ['presence-py', success, member],
    ].map((what) => JSON.stringify(what))));

    for (const channel of ['py-public', 'private-py', 'presence-py']) {
      await trigger(server.port, channel, 'e', { k: 'grün' });
      assert.deepEqual(await said.take(), [channel, 'e', { k: 'grün' }]);
    }
    const other = await Socket.connect(server.port);
    await other.subscribe('presence-py', { data: { user_id: 'js' } });
    assert.deepEqual(await said.take(), ['presence-py', 'pusher_internal:member_added', { user_id: 'js' }]);
    await other.close();
  });

  test('reads why its subscriptions are refused', async () => {
    const said = start(app.key, 'wrong');
    const messages = [];
    while (messages.length < 2) {
      const [what, data] = await said.take();
      if (what === 'error') messages.push(data.message ?? JSON.parse(data).message);
    }
    for (const message of messages) assert.match(message, /^Invalid signature: /);
  });
});
