// Makes a fresh checkout ready: dependencies, the pinned Node, the native engine, a browser for end-to-end tests.
// Runs on any Node from 20 on and uses nothing but Node itself; a second run finds everything in place and is quick.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamps = join(root, '.cache', 'bootstrap');

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32', ...options });
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
const ownNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
if (!upToDate('dependencies', lock) || !existsSync(ownNode)) {
  console.error('Installing dependencies (some minutes the first time) …');
  // Install scripts stay off: Electron's would download a binary, and only the pinned Node's is needed.
  if (!run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])) fail('npm ci failed: see the lines above.');
  if (!run('npm', ['rebuild', 'node', '--loglevel=error'])) fail('Setting up the pinned Node failed: see the lines above.');
  stamp('dependencies', lock);
}

if (!run(ownNode, [join(root, 'scripts', 'buildNative.mjs')])) fail('Building the native engine failed: see the lines above.');
