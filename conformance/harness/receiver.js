// Somebody who receives webhooks: keeps each request as it came in.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { Inbox } from './waiting.js';

export class Receiver {
  #server;
  #inbox = new Inbox();
  /** The status of the answers. */
  status = 200;

  static async start() {
    const receiver = new Receiver();
    receiver.#server = createServer(async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      response.writeHead(receiver.status).end();
      const { method, url, headers } = request;
      receiver.#inbox.put({ method, url, headers, rawBody: Buffer.concat(pieces).toString() });
    });
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}/webhooks`;
  }

  /** The next request: method, url, headers, rawBody. */
  next() {
    return this.#inbox.take('a webhook');
  }

  /** Requests that came in and were not taken. */
  get waiting() {
    return this.#inbox.waiting;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
