// A network between a client and the server that can be made to fail: a TCP proxy that stops passing on
// what one side sends.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A proxy in front of a port of this machine. */
export async function startProxy(port) {
  const pairs = new Set();
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.pipe(server);
    server.pipe(client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: listener.address().port,
    /** From now on, nothing that the clients of now say arrives. */
    mute: () => pairs.forEach(({ client, server }) => client.unpipe(server).resume()),
    /** From now on, what the server says to the clients of now waits. */
    hold: () => pairs.forEach(({ client, server }) => server.unpipe(client).pause()),
    /** What has waited goes on. */
    release: () => pairs.forEach(({ client, server }) => server.pipe(client)),
    stop: () => {
      pairs.forEach(({ client, server }) => [client, server].forEach((socket) => socket.destroy()));
      listener.close();
    },
  };
}
