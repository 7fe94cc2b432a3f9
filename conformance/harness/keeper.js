// A listening socket that outlives the servers on it: keeper.py, which stands for a service manager.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { app } from './app.js';
import { here, programs } from './program.js';
import { Inbox } from './waiting.js';

/** Opens the socket; nobody accepts there until a server is started. */
export async function startKeeper(...flags) {
  const server = [
    join(programs, 'skywave'), 'serve',
    '--app-id', app.id, '--app-key', app.key, '--app-secret', app.secret, ...flags,
  ];
  const child = spawn('python3', [join(here, 'harness/keeper.py'), ...server], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  process.on('exit', () => child.kill());
  const answers = new Inbox();
  createInterface({ input: child.stdout }).on('line', (line) => answers.put(Number(line)));
  const ask = (question) => {
    child.stdin.write(`${question}\n`);
    return answers.take(`an answer to ${question}`);
  };
  return {
    port: await answers.take('a port'),
    /** Starts a server on the socket; resolves with its process id when it accepts connections. */
    start: () => ask('start'),
    /** Asks a server to end; resolves with its exit status. */
    end: (pid) => ask(`end ${pid}`),
    /** Ends the servers that are left. */
    stop: () => child.stdin.end(),
  };
}
