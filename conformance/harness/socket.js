// A bare WebSocket client: sends what no library would, and shows every message in its order.

import assert from 'node:assert/strict';
import { WebSocket } from 'ws';

import { app, channelAuth, userAuth } from './app.js';
import { Inbox, within } from './waiting.js';

/** The path that pusher-js asks for. */
export const path = (query = 'protocol=7&client=js&version=8.6.0&flash=false', key = app.key) => `/app/${key}?${query}`;

export class Socket {
  #socket;
  #inbox = new Inbox();
  #ended;
  /** Ping frames that the server sent. */
  pings = 0;

  constructor(port, { path: where = path(), protocols = [], ...options } = {}) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${where}`, protocols, { perMessageDeflate: false, ...options });
    this.#socket = socket;
    this.#ended = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#inbox.end(new Error(`the connection was closed: ${code} ${reason}`));
      });
    });
    // `close` follows, and tells more.
    socket.on('error', () => {});
    socket.on('ping', () => (this.pings += 1));
    socket.on('message', (bytes, isBinary) => {
      assert.equal(isBinary, false, 'the server sent a binary frame');
      const text = bytes.toString();
      this.#inbox.put({ ...JSON.parse(text), text });
    });
    this.opened = within(
      new Promise((resolve, reject) => {
        socket.once('open', () => resolve(this));
        socket.once('error', reject);
      }),
      () => 'the WebSocket handshake',
    );
    // It is reported where it is awaited.
    this.opened.catch(() => {});
  }

  /** Connects and takes the first message, which must be `connection_established`. */
  static async connect(port, options) {
    const socket = new Socket(port, options);
    await socket.opened;
    const { data } = await socket.next('pusher:connection_established');
    const { socket_id: id, activity_timeout: activityTimeout } = JSON.parse(data);
    return Object.assign(socket, { id, activityTimeout });
  }

  /** Resolves with `{code, reason}` when the connection has ended. */
  get closed() {
    return within(this.#ended, () => 'the connection to be closed');
  }

  /** The subprotocol that was agreed on; an empty string when none was. */
  get protocol() {
    return this.#socket.protocol;
  }

  /** Sends an object as JSON, or bytes and text as they are. */
  send(message) {
    const bare = typeof message === 'string' || Buffer.isBuffer(message);
    this.#socket.send(bare ? message : JSON.stringify(message));
  }

  /** Sends these bytes in a text frame, whatever they are. */
  sendText(bytes) {
    this.#socket.send(bytes, { binary: false });
  }

  /** Sends a WebSocket ping and resolves with the payload of the pong. */
  async controlPing(payload) {
    const answered = new Promise((resolve) => this.#socket.once('pong', (bytes) => resolve(bytes.toString())));
    this.#socket.ping(payload);
    return within(answered, () => 'a pong frame');
  }

  /** The next message, whose event must be this one. */
  async next(event) {
    const message = await this.#inbox.take(event ?? 'a message');
    if (event !== undefined) assert.equal(message.event, event, message.text);
    return message;
  }

  /** The refusal that comes next: `pusher:error`, and before it the channel's own error, if any. */
  async refusal() {
    const first = await this.next();
    if (first.event === 'pusher:error') return { error: first.data, text: first.text };
    assert.equal(first.event, 'pusher:subscription_error', first.text);
    const error = await this.next('pusher:error');
    return {
      error: error.data,
      text: error.text,
      subscription: { channel: first.channel, ...JSON.parse(first.data), text: first.text },
    };
  }

  /**
   * Asserts that nothing has been sent that was not read: the answer to a ping comes next. Holds for
   * what the server did on account of this connection's own messages.
   */
  async nothingElse() {
    this.send({ event: 'pusher:ping', data: {} });
    await this.next('pusher:pong');
  }

  /** The same, but any number of messages of this event may still come first. */
  async nothingElsePast(event) {
    this.send({ event: 'pusher:ping', data: {} });
    let message;
    do message = await this.next();
    while (message.event === event);
    assert.equal(message.event, 'pusher:pong', message.text);
  }

  /** Sends a subscription, signed where the channel needs it; `more` replaces or adds fields. */
  askFor(channel, { data, ...more } = {}) {
    const text = data === undefined || typeof data === 'string' ? data : JSON.stringify(data);
    const message = { channel };
    if (/^(private|presence)-/.test(channel)) message.auth = channelAuth(this.id, channel, text);
    if (text !== undefined) message.channel_data = text;
    this.send({ event: 'pusher:subscribe', data: { ...message, ...more } });
  }

  /** Subscribes and takes the success, whose data is returned. */
  async subscribe(channel, more) {
    this.askFor(channel, more);
    const message = await this.next('pusher_internal:subscription_succeeded');
    assert.equal(message.channel, channel);
    return JSON.parse(message.data);
  }

  unsubscribe(channel) {
    this.send({ event: 'pusher:unsubscribe', data: { channel } });
  }

  /** Signs in as a user and takes the success. */
  async signIn(user) {
    const userData = JSON.stringify(user);
    this.send({ event: 'pusher:signin', data: { auth: userAuth(this.id, userData), user_data: userData } });
    return JSON.parse((await this.next('pusher:signin_success')).data);
  }

  /** Sends a client event. */
  clientEvent(channel, event, data) {
    this.send({ event, channel, data });
  }

  /** Stops reading from the network; what the kernel takes meanwhile is bounded. */
  pause() {
    this.#socket.pause();
  }

  /** Reads again. */
  resume() {
    this.#socket.resume();
  }

  /** Ends the TCP connection without a close frame. */
  cut() {
    this.#socket.terminate();
  }

  /** Closes and waits until the server has answered. */
  async close(code) {
    this.#socket.close(code);
    return this.closed;
  }
}
