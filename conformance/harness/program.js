// Starts the programs under test and stops them: `skywave serve` and the demo. Both take port 0 and
// print their address when they are ready, so nothing here guesses a port or a moment.
//
// SKYWAVE_BIN names the folder with the programs; it is the debug build's unless that is said.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { app } from './app.js';
import { within } from './waiting.js';

export const here = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const target = process.env.CARGO_TARGET_DIR ?? join(here, '../target');
/** The folder with the programs. */
export const programs = process.env.SKYWAVE_BIN ?? join(target, 'debug');

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 10_000;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** `skywave serve` with the tests' app, or one of another id; more flags may follow. */
export const startServer = (...flags) => startServerFor(app.id, ...flags);
export const startServerFor = (appId, ...flags) => start('skywave', [
  'serve', '--host', '127.0.0.1',
  '--app-id', appId, '--app-key', app.key, '--app-secret', app.secret,
  ...flags,
]);

/** `skywave serve` with a configuration file and the variables in it, listening at any free port. */
export const startConfigured = (file, variables) => start('skywave', ['serve', '--config', file, '--host', '127.0.0.1'], 0, variables);

/** `skywave serve` with a configuration file that says where to listen; its plain address comes first. */
export const startListening = (file) => start('skywave', ['serve', '--config', file], null);

/** The demo, with the pusher-js for browsers of this folder. */
export const startDemo = (assets = join(here, 'node_modules/pusher-js/dist/web')) => start('demo', ['--assets', assets]);

/** An example by the name of its program. */
export const startExample = (name, ...flags) => start(name, flags);

/** A running program. */
export class Program {
  #child;
  #name;
  #flags;

  constructor(name, flags, child, port) {
    this.#name = name;
    this.#flags = flags;
    this.#child = child;
    this.port = port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it wrote to its error output so far. */
  get log() {
    return this.#child.log;
  }

  /** Waits until what it printed matches `pattern`, and resolves with the match. */
  prints(pattern) {
    const child = this.#child;
    const found = new Promise((resolve) => {
      const look = () => {
        const match = pattern.exec(child.output);
        if (match) resolve(match);
      };
      child.stdout.on('data', look);
      look();
    });
    return within(found, () => `${pattern} in ${child.output}`);
  }

  /** Asks it to end as Ctrl-C does, and waits until it has. Resolves with its exit status. */
  async stop(signal = 'SIGINT') {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, 'exit');
    child.kill(signal);
    const impatient = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    const [status, killedBy] = await ended;
    clearTimeout(impatient);
    if (killedBy === 'SIGKILL' && signal !== 'SIGKILL') {
      throw new Error(`${this.#name} did not end within ${STOP_LIMIT_MS} ms of ${signal}`);
    }
    return status;
  }

  /** Starts it again on the same port, after it has been stopped. */
  async startAgain() {
    const again = await start(this.#name, this.#flags, this.port);
    this.#child = again.#child;
  }
}

async function start(name, flags, port = 0, variables = {}) {
  const path = join(programs, name);
  if (!existsSync(path)) {
    throw new Error(`${path} is not there: run "cargo build --workspace --bins", or set SKYWAVE_BIN`);
  }
  const child = spawn(path, port === null ? flags : [...flags, '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...variables },
  });
  running.add(child);
  child.log = '';
  child.output = '';
  child.once('exit', () => running.delete(child));
  child.stderr.setEncoding('utf8').on('data', (text) => (child.log += text));
  const ready = new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      child.output += text;
      const address = /^Skywave \w+: http:\/\/127\.0\.0\.1:(\d+)\s*$/m.exec(child.output);
      if (address) resolve(Number(address[1]));
    });
    const fail = (why) => reject(new Error(`${name} ${why}\n${child.output}${child.log}`));
    child.once('error', (error) => fail(error.message));
    child.once('exit', (status, signal) => fail(`ended before it was ready (${status ?? signal})`));
    setTimeout(() => fail(`was not ready within ${START_LIMIT_MS} ms`), START_LIMIT_MS).unref();
  });
  return new Program(name, [...flags], child, await ready);
}
