// Builds the native engine into dist/native/cpu.node, when its sources, its flags or this machine's compiler target changed.
// The file speaks N-API: the same one loads in Node 20 and later and in Electron.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
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

/** A folder whose include/node holds Node's headers: any version serves N-API, and an installed one needs no download. */
function headers() {
  const programs = [process.execPath, ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'))];
  const prefixes = [...programs.map((program) => dirname(dirname(program))), '/usr', '/usr/local'];
  return prefixes.find((prefix) => existsSync(join(prefix, 'include', 'node', 'node_api.h')));
}

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

mkdirSync(dirname(stamp), { recursive: true });
takeLock(join(root, '.cache', 'native.lock'));
if (upToDate()) process.exit(0);
console.error('Building the native engine …');
const nodedir = headers();
const gyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
const result = spawnSync(process.execPath, [gyp, 'configure', 'build', '--jobs', '2', '--loglevel', 'error', ...(nodedir ? ['--nodedir', nodedir] : [])], {
  cwd: source,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'pipe'],
});
if (result.status !== 0) {
  console.error(`${result.stdout}\n${result.stderr}`);
  console.error('The native engine could not be built. It needs a C++17 compiler (GCC 10 or Clang 12 and later), make and Python 3.');
  process.exit(1);
}
mkdirSync(dirname(output), { recursive: true });
// Renamed into place: a program that has the old file loaded keeps it.
copyFileSync(join(source, 'build', 'Release', 'cpu.node'), `${output}.new`);
renameSync(`${output}.new`, output);
writeFileSync(stamp, digest);
