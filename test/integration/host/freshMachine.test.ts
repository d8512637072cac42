/** A checkout on a machine that lacks something: it says so in one sentence, and does what can be done. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { rampVolume } from '../../support/studio.ts';
import { writeTinyModel } from '../../support/tinyModel.ts';

const here = resolve(import.meta.dirname, '../../..');
let root: string;
let checkout: string;
let bare: string;

/** A checkout with everything but what a build makes, set up but for the addon; and a PATH with Node alone. */
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'fresh-'));
  checkout = join(root, 'checkout');
  mkdirSync(checkout);
  for (const name of ['package.json', 'package-lock.json', 'scripts', 'src-main', 'src-shared', 'resources'])
    cpSync(join(here, name), join(checkout, name), { recursive: true, filter: (path) => !path.includes(join('native', 'build')) });
  symlinkSync(join(here, 'node_modules'), join(checkout, 'node_modules'));
  const stamps = join(checkout, '.cache', 'bootstrap');
  mkdirSync(stamps, { recursive: true });
  const lock = createHash('sha256')
    .update(readFileSync(join(here, 'package-lock.json')))
    .digest('hex');
  writeFileSync(join(stamps, 'dependencies'), lock + process.platform + process.arch);
  bare = join(root, 'bin');
  mkdirSync(bare);
  symlinkSync(process.execPath, join(bare, 'node'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function run(script: string, args: readonly string[], more: NodeJS.ProcessEnv = {}) {
  const { LOGONET_NATIVE: _native, CXX: _cxx, VK_ICD_FILENAMES: _software, ...rest } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(checkout, script), ...args], {
    encoding: 'utf8',
    timeout: 240_000,
    env: { ...rest, PATH: bare, LOGONET_DATA: join(root, 'data'), ...more },
  });
  return { status, stdout, stderr };
}

it('is set up without a compiler, says what it lacks, and computes all the same', { timeout: 600_000 }, async () => {
  const { status, stderr } = run('scripts/bootstrap.mjs', []);
  expect(stderr.trim().split('\n')).toEqual([
    'The engine for the processor is not built, because this computer lacks make and a C++ compiler and Python 3: LoGoNet Studio computes on a graphics card, or slowly, until they are installed and it is started again.',
  ]);
  expect(status).toBe(0);
  expect(existsSync(join(checkout, 'dist', 'native'))).toBe(false);

  const model = join(root, 'model');
  await writeTinyModel(model);
  const scan = join(root, 'scan.nii.gz');
  await writeVolume(scan, rampVolume([16, 16, 8]));
  const predicted = run('src-main/cli/main.ts', ['predict', '--model', model, '--out', join(root, 'masks'), scan, '--json']);
  expect(predicted.stderr).not.toMatch(/logonet:/);
  expect(predicted.stderr.split('\n').filter((line) => line.includes('slower'))).toEqual([
    'warning: This computes many times slower than it could, as neither the engine for the processor nor a graphics card can be used: install a C++ compiler, make and Python 3, then run "npm run bootstrap".',
  ]);
  expect(predicted.status).toBe(0);
  expect(existsSync(join(root, 'masks', 'scan.nii.gz'))).toBe(true);
  const asked = run('src-main/cli/main.ts', ['predict', '--model', model, '--out', join(root, 'other'), scan, '--device', 'cpu']);
  expect(asked.status).toBe(1);
  expect(asked.stderr).toMatch(
    /^logonet: The engine for the processor is not built\. Choose a graphics card, or install a C\+\+ compiler/m,
  );
});

it('does not begin with its tests, which need the engine', () => {
  const { status, stderr } = run('scripts/bootstrap.mjs', ['--native']);
  expect(status).toBe(1);
  expect(stderr.trim().split('\n')).toHaveLength(2);
  expect(stderr).toMatch(/This cannot be done without it\.\s*$/);
});

it('says where a compiler is there and fails', { timeout: 120_000 }, () => {
  const failing = join(root, 'failing');
  mkdirSync(failing);
  for (const name of ['make', 'g++', 'python3']) symlinkSync('/bin/false', join(failing, name));
  const { status, stderr } = run('scripts/bootstrap.mjs', [], { PATH: `${bare}:${failing}` });
  expect(status).toBe(0);
  expect(stderr).toMatch(/could not be built \(.*native\.log says why; it needs GCC 10, or Clang 12, or later, and Python 3\)/);
});
