// Types of skywave-auth.js. They are structural, so that they fit pusher-js 7 and 8 without naming it.

/** What a granted channel is answered with; goes to pusher-js as it is. */
export interface AuthData {
  auth: string;
  channel_data?: string;
  shared_secret?: string;
}

export type AuthCallback = (error: Error | null, data: AuthData | null) => void;

/** What went wrong with one channel: the HTTP status, and a message that begins with it. */
export class AuthorizationError extends Error {
  constructor(status: number, text: string);
  readonly status: number;
}

export interface BatchSettings {
  /** Channels per request at most; 100, which is what the server takes, unless it is less. */
  maxChannels?: number;
  /** What asks; by default the page's own `fetch`. */
  fetch?: typeof globalThis.fetch;
}

export interface HandlerSettings extends BatchSettings {
  /** The path of the authorisation route: `options.authEndpoint` of Skywave's client options. */
  endpoint: string;
  headers?: Record<string, string>;
  params?: Record<string, string>;
  /** Called for every channel, like the option of the same name in pusher-js. */
  headersProvider?: () => Record<string, string>;
  paramsProvider?: () => Record<string, string>;
}

/** For `new Pusher(key, { ...options, authorizer: batchAuthorizer() })`, pusher-js 7.0 to 8.x. */
export function batchAuthorizer(settings?: BatchSettings): (
  channel: { name: string },
  // Wide on purpose: the types of pusher-js 7 leave out what it passes.
  options: any,
) => { authorize(socketId: string, callback: AuthCallback): void };

/** For `channelAuthorization: { customHandler: batchHandler({ endpoint }) }`, pusher-js 7.1 to 8.x. */
export function batchHandler(settings: HandlerSettings): (
  request: { socketId: string; channelName: string },
  callback: AuthCallback,
) => void;
