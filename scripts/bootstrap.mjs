// Makes a fresh checkout ready: dependencies, the pinned Node, and the native engine where this machine can build it.
// Runs on any Node from 20 on and uses nothing but Node itself; a second run finds everything in place and is quick.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownNode, root } from './node.mjs';

const stamps = join(root, '.cache', 'bootstrap');

function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    ...options,
  });
  return result.status === 0;
}

function digest(...files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function upToDate(name, value) {
  const file = join(stamps, name);
  return existsSync(file) && readFileSync(file, 'utf8') === value;
}

function stamp(name, value) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, name), value);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const lock = digest('package-lock.json') + process.platform + process.arch;
if (!upToDate('dependencies', lock) || !existsSync(ownNode)) {
  console.error('Installing dependencies (some minutes the first time) …');
  // Install scripts stay off: Electron's would download a binary, and only the pinned Node's is needed.
  if (!run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])) fail('npm ci failed: see the lines above.');
  if (!run('npm', ['rebuild', 'node', '--loglevel=error'])) fail('Setting up the pinned Node failed: see the lines above.');
  stamp('dependencies', lock);
}

// The app starts without its engine for the processor; tests and benchmarks of it (`--native`) do not.
const { status } = spawnSync(ownNode, [join(root, 'scripts', 'buildNative.mjs')], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
if (status !== 0 && (status !== 3 || process.argv.includes('--native'))) fail('This cannot be done without it.');
