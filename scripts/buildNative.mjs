// Builds the native engine into dist/native/cpu.node, when its sources, its flags or this machine's compiler target changed.
// The file speaks N-API: the same one loads in Node 20 and later and in Electron.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeHeaders, root } from './node.mjs';

/** Exit code: nothing is wrong with the checkout, this machine cannot build. The app starts all the same (bootstrap.mjs). */
const NOT_HERE = 3;
const source = join(root, 'src-main', 'engine', 'executors', 'cpu', 'native');
const output = join(root, 'dist', 'native', 'cpu.node');
const stamp = join(root, '.cache', 'native.stamp');

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== 'build')
    .flatMap((entry) => (entry.isDirectory() ? sources(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();
}

const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
for (const file of [...sources(source), fileURLToPath(import.meta.url)]) hash.update(file.slice(root.length)).update(readFileSync(file));
const digest = hash.digest('hex');
const upToDate = () => existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
if (upToDate()) process.exit(0);

/** Two builds in one folder would spoil each other: the second waits, and takes over when the first one died. */
function takeLock(folder) {
  for (;;) {
    try {
      mkdirSync(folder);
      writeFileSync(join(folder, 'pid'), String(process.pid));
      process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    try {
      process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 0);
    } catch (error) {
      if (error.code === 'ESRCH') rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** What a build needs and this machine does not have, in words. */
function lacking() {
  if (process.platform === 'win32') return []; // node-gyp looks for Visual Studio itself
  const has = (...names) => names.some((name) => name && searchPath.some((folder) => existsSync(join(folder, name))));
  const searchPath = (process.env.PATH ?? '').split(delimiter);
  const compiler = process.env.CXX?.split(' ')[0] ?? '';
  return [
    ...(has('make', 'gmake') ? [] : ['make']),
    ...(has(compiler, 'c++', 'g++', 'clang++') || existsSync(compiler) ? [] : ['a C++ compiler']),
    ...(has('python3', 'python') ? [] : ['Python 3']),
  ];
}

const missing = lacking();
if (missing.length > 0) {
  console.error(
    `The engine for the processor is not built, because this computer lacks ${missing.join(' and ')}: LoGoNet Studio computes on a graphics card, or slowly, until they are installed and it is started again.`,
  );
  process.exit(NOT_HERE);
}
mkdirSync(dirname(stamp), { recursive: true });
takeLock(join(root, '.cache', 'native.lock'));
if (upToDate()) process.exit(0);
console.error('Building the native engine …');
const nodedir = nodeHeaders();
const gyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
const result = spawnSync(
  process.execPath,
  [gyp, 'configure', 'build', '--jobs', '2', '--loglevel', 'error', ...(nodedir ? ['--nodedir', nodedir] : [])],
  {
    cwd: source,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  },
);
if (result.status !== 0) {
  const log = join(root, '.cache', 'native.log');
  writeFileSync(log, `${result.stdout}\n${result.stderr}`);
  const compiler = process.platform === 'win32' ? 'clang-cl of the Visual Studio Build Tools' : 'GCC 10, or Clang 12, or later';
  console.error(
    `The engine for the processor could not be built (${log} says why; it needs ${compiler}, and Python 3): LoGoNet Studio computes on a graphics card, or slowly, until that is mended and it is started again.`,
  );
  process.exit(NOT_HERE);
}
mkdirSync(dirname(output), { recursive: true });
// Renamed into place: a program that has the old file loaded keeps it.
copyFileSync(join(source, 'build', 'Release', 'cpu.node'), `${output}.new`);
renameSync(`${output}.new`, output);
writeFileSync(stamp, digest);
