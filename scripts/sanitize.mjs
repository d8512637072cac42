// Runs the native engine under guards that a release does without: node scripts/sanitize.mjs [pool] [pages] [address] [damage] [--long]
//   pool     the thread pool under ThreadSanitizer
//   pages    the release's kernels with every page that a step may not touch taken away
//   address  everything under AddressSanitizer and UndefinedBehaviorSanitizer, the arena's bytes outside a step's tensors poisoned
//   damage   damaged training folders, resumed (with the engine of `address` where there is one); many with --long
// A stage that the compiler has no runtime for is skipped by name. Each prints its time.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const native = join(root, 'src-main', 'engine', 'executors', 'cpu', 'native');
const cache = join(root, '.cache', 'sanitize');
const compiler = process.env.CXX ?? 'g++';
const wide = ['-mavx2', '-mfma'];
const kernels = {
  baseline: [],
  ...(process.arch === 'x64' && {
    avx2: wide,
    avx2wide: wide,
    avx512: ['-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx512bw', '-mfma', '-mprefer-vector-width=512'],
  }),
};
const sources = Object.fromEntries(
  [...['addon', 'program', 'memory', 'pool'].map((name) => [name, []]), ...Object.entries(kernels)].filter(([name]) =>
    existsSync(join(native, `${name}.cc`)),
  ),
);
const defines = [
  'NAPI_VERSION=8',
  'NODE_ADDON_API_CPP_EXCEPTIONS_ALL',
  'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  'NODE_GYP_MODULE_NAME=cpu',
  'BUILDING_NODE_EXTENSION',
];
const language = [
  '-std=c++17',
  '-fPIC',
  '-pthread',
  '-Wno-psabi',
  '-Wno-ignored-attributes',
  '-ffp-contract=fast',
  '-fno-math-errno',
  '-fno-trapping-math',
];

/** Node's headers: where buildNative.mjs finds them. */
function includes() {
  const addon = createRequire(import.meta.url)('node-addon-api').include_dir;
  const prefixes = [dirname(dirname(process.execPath)), '/usr', '/usr/local'];
  const node = prefixes.map((prefix) => join(prefix, 'include', 'node')).find((folder) => existsSync(join(folder, 'node_api.h')));
  return node === undefined ? undefined : [`-I${node}`, `-I${addon.replaceAll('"', '')}`, `-I${native}`];
}

/** Why a sanitizer cannot be used here; undefined where a program that is linked with it runs. */
function lacks(sanitizer) {
  if (process.platform !== 'linux') return 'sanitized builds are made on Linux alone';
  const folder = mkdtempSync(join(tmpdir(), 'sanitize-'));
  try {
    writeFileSync(join(folder, 'a.cc'), 'int main() { return 0; }\n');
    const flags = sanitizer === undefined ? [] : [`-fsanitize=${sanitizer}`];
    if (spawnSync(compiler, [...flags, 'a.cc', '-o', 'a'], { cwd: folder }).status !== 0) return `${compiler} has no runtime for it`;
    return spawnSync(join(folder, 'a')).status === 0 ? undefined : 'its runtime does not start on this machine';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function inParallel(jobs) {
  const queue = [...jobs];
  const results = await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), 4) }, async () => {
      let ok = true;
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) ok = (await job()) && ok;
      return ok;
    }),
  );
  return results.every(Boolean);
}

function command(program, args, environment = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } });
    child.on('error', () => resolve(false));
    child.on('exit', (status) => resolve(status === 0));
  });
}

/** The release's object file of a source, from the build that npm run bootstrap made. */
function released(name) {
  const folder = join(native, 'build', 'Release', 'obj.target');
  const found = existsSync(folder) ? readdirSync(folder, { recursive: true }).find((file) => file.endsWith(`/${name}.o`)) : undefined;
  return found === undefined ? undefined : join(folder, found);
}

/** Builds the addon into .cache/sanitize/NAME; `reuse` names sources whose release objects serve. Undefined where it does not compile. */
async function build(name, flags, reuse = []) {
  const folder = join(cache, name);
  const addon = join(folder, 'cpu.node');
  const hash = createHash('sha256').update(JSON.stringify([flags, reuse, compiler]));
  for (const file of readdirSync(native, { recursive: true }).sort())
    if (/\.(cc|h)$/.test(file)) hash.update(file).update(readFileSync(join(native, file)));
  const digest = hash.digest('hex');
  if (existsSync(addon) && readFileSync(join(folder, 'stamp'), 'utf8') === digest) return addon;
  const headers = includes();
  if (headers === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) if (!old.includes(digest.slice(0, 16))) rmSync(join(folder, old));
  const objects = [];
  const jobs = [];
  // The largest first, so that the last does not run alone.
  for (const [source, own] of Object.entries(sources).reverse()) {
    const old = reuse.includes(source) ? released(source) : undefined;
    const object = old ?? join(folder, `${source}-${digest.slice(0, 16)}.o`);
    objects.push(object);
    // What an ended run has compiled already serves.
    if (!existsSync(object)) {
      const args = [
        ...language,
        ...flags,
        ...own,
        ...headers,
        ...defines.map((define) => `-D${define}`),
        '-c',
        join(native, `${source}.cc`),
        '-o',
        `${object}.new`,
      ];
      jobs.push(async () => {
        const compiled = await command(compiler, args);
        if (compiled) renameSync(`${object}.new`, object);
        return compiled;
      });
    }
  }
  if (!(await inParallel(jobs))) return undefined;
  const sanitizers = flags.filter((flag) => flag.startsWith('-fsanitize'));
  if (!(await command(compiler, ['-shared', '-pthread', ...sanitizers, ...objects, '-o', addon]))) return undefined;
  writeFileSync(join(folder, 'stamp'), digest);
  return addon;
}

const vitest = (files, environment) =>
  command(
    process.execPath,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=dot',
      '--testTimeout=1800000',
      '--hookTimeout=1800000',
      '--project',
      'unit',
      ...files,
    ],
    environment,
  );
const conformance = ['test/conformance/cpu.test.ts', 'test/conformance/cpuGolden.test.ts'];
/** Among its tests is one that a guard has to end. */
const border = 'test/integration/engine/nativeBorder.test.ts';
const clustering = 'test/integration/clustering';
const addressFlags = ['-O1', '-g1', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'];

/** The runtime comes first in a program that was not built with it. */
function addressEnvironment(addon) {
  const { stdout } = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  return {
    LOGONET_NATIVE: addon,
    LD_PRELOAD: stdout.trim(),
    // Node itself leaks on purpose at its end, and V8 reserves more than a sanitizer likes to see.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
}

const stages = {
  pool: {
    lacks: () => lacks('thread'),
    run: async () => {
      mkdirSync(cache, { recursive: true });
      const program = join(cache, 'pool');
      const files = [join(root, 'test', 'sanitize', 'pool.cc'), join(native, 'pool.cc')];
      const built = await command(compiler, [
        '-std=c++17',
        '-O1',
        '-g1',
        '-pthread',
        '-fsanitize=thread',
        `-I${native}`,
        ...files,
        '-o',
        program,
      ]);
      return built && command(program, [], { TSAN_OPTIONS: 'halt_on_error=1' });
    },
  },
  pages: {
    lacks: () => lacks(undefined),
    run: async () => {
      const addon = await build('pages', ['-O3', '-DLOGONET_GUARD_PAGES'], ['addon', 'pool', ...Object.keys(kernels)]);
      return addon !== undefined && vitest([...conformance, border, clustering], { LOGONET_NATIVE: addon });
    },
  },
  address: {
    lacks: () => lacks('address,undefined'),
    run: async () => {
      const addon = await build('address', addressFlags);
      return addon !== undefined && vitest([...conformance, border, 'test/integration/training/train.test.ts'], addressEnvironment(addon));
    },
  },
  damage: {
    lacks: () => undefined,
    run: () => {
      const addon = join(cache, 'address', 'cpu.node');
      return vitest(['test/integration/training/damaged.test.ts'], {
        ...(existsSync(addon) && addressEnvironment(addon)),
        LOGONET_DAMAGED_TRIALS: process.argv.includes('--long') ? '100' : '10',
      });
    },
  },
};

const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const unknown = asked.filter((word) => !Object.hasOwn(stages, word));
if (unknown.length > 0) {
  console.error(`There is no stage ${unknown.join(', ')}; choose of ${Object.keys(stages).join(', ')}.`);
  process.exit(2);
}
let failed = 0;
for (const [name, stage] of Object.entries(stages)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const begun = performance.now();
  const lacking = stage.lacks();
  const ok = lacking !== undefined || (await stage.run());
  if (!ok) failed++;
  const outcome = lacking === undefined ? (ok ? 'passed' : 'FAILED') : `skipped: ${lacking}`;
  console.log(`sanitize ${name}: ${outcome}, ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}
process.exit(failed === 0 ? 0 : 1);
