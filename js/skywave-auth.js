// One authorisation request for many channels, for an unmodified pusher-js (7.0 to 8.x).
//
// pusher-js asks for every private and presence channel by itself, and again after every reconnect.
// What this module hands to it collects the questions of one tick (all channels that a page
// subscribes to in a row, all channels of a client that has reconnected) and asks them in one POST.
// The answer is channel by channel, so one denial does not touch the others.
//
//   import { batchAuthorizer } from './skywave-auth.js';
//   const pusher = new Pusher(key, { ...options, authorizer: batchAuthorizer() });
//
// The server's side is Skywave's ready authorisation route, or anything that reads `socket_id` and
// `channel_name[]` from a form and answers
//
//   {"private-a": {"status": 200, "data": {"auth": ".."}}, "private-b": {"status": 403, "error": ".."}}
//
// A denial is a `pusher:subscription_error` as ever, but pusher-js keeps the class of its own errors
// to itself, so the event has no `status`; its `error` begins with it instead.

/** Channels that one request asks for at most: what the server takes. */
const MAX_CHANNELS = 100;

/**
 * @typedef {import('./skywave-auth.js').AuthData} AuthData
 * @typedef {import('./skywave-auth.js').AuthCallback} AuthCallback
 * @typedef {import('./skywave-auth.js').HandlerSettings} HandlerSettings
 * @typedef {import('./skywave-auth.js').BatchSettings} BatchSettings
 * @typedef {{ channel: string, callback: AuthCallback }} Question
 * @typedef {{ status?: number, data?: AuthData, error?: string }} Answer
 */

/** What went wrong with one channel: the HTTP status, and a text that begins with it. */
export class AuthorizationError extends Error {
  /**
   * @param {number} status
   * @param {string} text
   */
  constructor(status, text) {
    super(`${status} ${text}`);
    this.name = 'AuthorizationError';
    this.status = status;
  }
}

/**
 * For the option `authorizer` of every pusher-js from 7.0 on: address, headers and parameters are
 * those of the other options (`authEndpoint`, `auth`), also as Laravel Echo completes them.
 *
 * @param {BatchSettings} [settings]
 */
export function batchAuthorizer(settings = {}) {
  const batches = new Batches(settings);
  /**
   * @param {{ name: string }} channel
   * @param {{ authEndpoint: string, auth?: { headers?: Record<string, string>, params?: Record<string, string> } }} options
   */
  return (channel, options) => ({
    /**
     * @param {string} socketId
     * @param {AuthCallback} callback
     */
    authorize(socketId, callback) {
      const { headers, params } = options.auth ?? {};
      batches.ask({ endpoint: options.authEndpoint, headers, params }, socketId, { channel: channel.name, callback });
    },
  });
}

/**
 * For the option `channelAuthorization: { customHandler: batchHandler({ endpoint }) }` of pusher-js
 * from 7.1 on.
 *
 * @param {HandlerSettings} settings
 */
export function batchHandler(settings) {
  const { endpoint } = settings;
  if (!endpoint) throw new TypeError('batchHandler: expected { endpoint }, the path of the authorisation route');
  const batches = new Batches(settings);
  /**
   * @param {{ socketId: string, channelName: string }} request
   * @param {AuthCallback} callback
   */
  return ({ socketId, channelName }, callback) => {
    const headers = { ...settings.headers, ...settings.headersProvider?.() };
    const params = { ...settings.params, ...settings.paramsProvider?.() };
    batches.ask({ endpoint, headers, params }, socketId, { channel: channelName, callback });
  };
}

/** The questions that wait for the end of the tick, by what they have in common. */
class Batches {
  /** @type {Map<string, { target: Target, socketId: string, questions: Question[] }>} */
  #waiting = new Map();
  #settings;

  /** @param {BatchSettings} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  /**
   * @typedef {{ endpoint: string, headers?: Record<string, string>, params?: Record<string, string> }} Target
   * @param {Target} target
   * @param {string} socketId
   * @param {Question} question
   */
  ask(target, socketId, question) {
    if (this.#waiting.size === 0) afterThisTick(() => this.#send());
    const key = JSON.stringify([target, socketId]);
    const batch = this.#waiting.get(key) ?? { target, socketId, questions: [] };
    batch.questions.push(question);
    this.#waiting.set(key, batch);
  }

  #send() {
    const batches = [...this.#waiting.values()];
    this.#waiting.clear();
    const limit = Math.min(this.#settings.maxChannels ?? MAX_CHANNELS, MAX_CHANNELS);
    for (const { target, socketId, questions } of batches) {
      for (let from = 0; from < questions.length; from += limit) {
        this.#post(target, socketId, questions.slice(from, from + limit));
      }
    }
  }

  /**
   * @param {Target} target
   * @param {string} socketId
   * @param {Question[]} questions
   */
  async #post(target, socketId, questions) {
    /** @type {Record<string, Answer>} */
    let answers = {};
    /** @type {Error | undefined} */
    let failure;
    try {
      answers = await this.#answers(target, socketId, new Set(questions.map(({ channel }) => channel)));
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    for (const { channel, callback } of questions) {
      const answer = Object.hasOwn(answers, channel) ? answers[channel] : undefined;
      const problem = failure ?? refusal(channel, answer);
      // What a page's own code throws must not keep the other channels from their answers.
      try {
        callback(problem ?? null, problem ? null : (answer?.data ?? null));
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
  }

  /**
   * @param {Target} target
   * @param {string} socketId
   * @param {Set<string>} channels
   * @returns {Promise<Record<string, Answer>>}
   */
  async #answers({ endpoint, headers, params }, socketId, channels) {
    const body = new URLSearchParams(params);
    body.set('socket_id', socketId);
    for (const channel of channels) body.append('channel_name[]', channel);
    const send = this.#settings.fetch ?? globalThis.fetch;
    const response = await send(endpoint, { method: 'POST', headers, body, credentials: 'same-origin' });
    const text = await response.text();
    if (response.status !== 200) throw new AuthorizationError(response.status, text);
    try {
      return JSON.parse(text);
    } catch {
      throw new AuthorizationError(200, `but the answer of ${endpoint} is not JSON: ${text}`);
    }
  }
}

/**
 * Why a channel may not be subscribed to; nothing when it may.
 *
 * @param {string} channel
 * @param {Answer | undefined} answer
 */
function refusal(channel, answer) {
  const status = answer?.status ?? 200;
  if (status !== 200) return new AuthorizationError(status, answer?.error ?? `for ${channel}`);
  if (typeof answer?.data?.auth !== 'string') {
    return new AuthorizationError(200, `but the answer says nothing about ${channel}: does the route take many channels?`);
  }
  return undefined;
}

/**
 * Runs `work` as a task of its own. Not by a timer, which browsers hold back in hidden pages.
 *
 * @param {() => void} work
 */
function afterThisTick(work) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    work();
  };
  port2.postMessage(undefined);
}
