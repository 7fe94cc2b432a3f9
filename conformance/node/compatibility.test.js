// docs/compatibility.md: the versions are those that are installed, and the tests that it names are there.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { here } from '../harness/program.js';

const read = (path) => readFileSync(join(here, path), 'utf8');
const page = read('../docs/compatibility.md');

/** The cells of the table below a heading, without its head. */
const table = (heading) => page.split(`## ${heading}\n`)[1].split('\n## ')[0]
  .split('\n').filter((line) => line.startsWith('| ')).slice(1)
  .map((line) => line.slice(2, -2).split(' | '));

test('the versions are those that are installed, and none is left out', () => {
  const node = JSON.parse(read('package.json')).devDependencies;
  const python = Object.fromEntries(
    [...read('requirements.txt').matchAll(/^([\w-]+)==(.+)$/gm)].map(([, name, version]) => [name, version]),
  );
  const installed = [
    ['pusher-js', node['pusher-js']],
    ['pusher-js', node['pusher-js-7'].replace('npm:pusher-js@', '')],
    ['laravel-echo', node['laravel-echo']],
    ['pusher (npm)', node.pusher],
    ['pusher (PyPI)', python.pusher],
    ['Pysher', python.Pysher],
    ['ably', node.ably],
    ['kosoku', python.kosoku],
  ];
  assert.deepEqual(table('Run with every change').map((cells) => cells.slice(0, 2)), installed);
});

test('the tests that it names are there', () => {
  for (const [, path] of page.matchAll(/\]\((\.\.\/[^)]+)\)/g)) assert.ok(existsSync(join(here, '../docs', path)), path);
  const rows = table('Details that somebody insists on');
  assert.deepEqual(rows.map(([number]) => Number(number)), Array.from({ length: 20 }, (_, n) => n + 1));
  for (const [number, , files] of rows) {
    const trap = new RegExp(`trap ${number.padStart(2, '0')}\\b|traps?[^\\n]*\\b${number}\\b`, 'i');
    for (const [, file] of files.matchAll(/`([^`]+)`/g)) assert.match(read(file), trap, `${number} in ${file}`);
  }
});
