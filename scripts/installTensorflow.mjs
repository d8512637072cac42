#!/usr/bin/env node
// Sets TensorFlow up as a device: into .cache/tensorflow, touching nothing else.
//   npm run install:tensorflow                       upstream's package for CUDA machines with its own libtensorflow (needs the internet)
//   npm run install:tensorflow -- --cpu              the same without CUDA
//   npm run install:tensorflow -- --library PATH     the binding, built against a TensorFlow that is there: a wheel (.whl), an unpacked
//                                                    wheel or site-packages/tensorflow, or a libtensorflow folder with include/ and lib/
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeHeaders, root } from './node.mjs';

const VERSION = '4.22.0';
const NAPI = 8;
const home = join(root, '.cache', 'tensorflow');

const { values } = parseArgs({ options: { cpu: { type: 'boolean', default: false }, library: { type: 'string' } } });

function run(command, args, options = {}) {
  const shell = process.platform === 'win32' && command === 'npm';
  return spawnSync(command, args, { stdio: 'inherit', shell, ...options }).status === 0;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Upstream's way: its install script downloads libtensorflow and a ready binding. */
function installUpstream() {
  const name = `@tensorflow/tfjs-node${values.cpu ? '' : '-gpu'}`;
  mkdirSync(home, { recursive: true });
  console.log(`Installing ${name} ${VERSION} with its own TensorFlow…`);
  if (run('npm', ['install', '--prefix', home, '--no-audit', '--no-fund', `${name}@${VERSION}`])) return name;
  rmSync(home, { recursive: true, force: true });
  return fail(
    'The download failed. Point to a TensorFlow that you have: npm run install:tensorflow -- --library PATH (a wheel or its folder).',
  );
}

/** The folder of an unpacked TensorFlow inside `path`, with its headers and libraries. */
function findLibrary(path) {
  const places = [path, join(path, 'tensorflow')].map((folder) => ({
    include: join(folder, 'include'),
    folders: [join(folder, 'lib'), folder],
  }));
  for (const { include, folders } of places) {
    for (const folder of folders) {
      if (!existsSync(folder) || !existsSync(join(include, 'tensorflow', 'c', 'c_api.h'))) continue;
      const files = readdirSync(folder);
      const main =
        files.find((file) => /^libtensorflow(_cc)?\.(so|\d.*dylib|dylib)/.test(file)) ?? files.find((file) => file === 'tensorflow.lib');
      const framework = files.find((file) => /^libtensorflow_framework\.(so|\d.*dylib|dylib)/.test(file));
      if (main !== undefined)
        return { include, main: join(folder, main), framework: framework === undefined ? undefined : join(folder, framework) };
    }
  }
  return undefined;
}

/** Unpacks a wheel (a zip file) with whatever this computer has for it. */
function unpackWheel(wheel) {
  const folder = join(home, 'wheel');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  console.log('Unpacking the wheel…');
  const tried = [
    ['unzip', ['-q', wheel, '-d', folder]],
    ['tar', ['-xf', wheel, '-C', folder]],
    ['python3', ['-m', 'zipfile', '-e', wheel, folder]],
  ];
  if (!tried.some(([command, args]) => run(command, args, { stdio: 'ignore' })))
    fail('The wheel cannot be unpacked. Unpack it yourself (it is a zip file) and give its folder.');
  return folder;
}

/** The binding's sources from the registry, compiled against the given library. */
function buildAgainst(given) {
  if (!existsSync(given)) fail(`${given} does not exist.`);
  const library = findLibrary(given.endsWith('.whl') ? unpackWheel(given) : given);
  if (library === undefined)
    fail(`${given} holds no TensorFlow with headers: expected include/tensorflow/c/c_api.h and libtensorflow beside it.`);
  const name = '@tensorflow/tfjs-node';
  const target = join(home, 'node_modules', ...name.split('/'));
  const packed = mkdtempSync(join(tmpdir(), 'tfjs-'));
  if (!run('npm', ['pack', '--silent', '--pack-destination', packed, `${name}@${VERSION}`]))
    fail('The sources of the binding cannot be downloaded from the package registry.');
  if (!run('tar', ['-xzf', readdirSync(packed)[0], '-C', packed], { cwd: packed })) fail('The sources of the binding cannot be unpacked.');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, 'deps', 'lib'), { recursive: true });
  for (const part of ['binding', 'binding.gyp', 'package.json'])
    cpSync(join(packed, 'package', part), join(target, part), { recursive: true });
  rmSync(packed, { recursive: true, force: true });
  link(library.include, join(target, 'deps', 'include'));
  linkLibrary(library.main, join(target, 'deps', 'lib'), 'tensorflow');
  if (library.framework !== undefined) linkLibrary(library.framework, join(target, 'deps', 'lib'), 'tensorflow_framework');
  console.log('Building the binding…');
  const gyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  const settings = [
    `--module_name=tfjs_binding`,
    `--module_path=${join(target, 'lib', `napi-v${NAPI}`)}`,
    `--napi_build_version=${NAPI}`,
    `--napi_version=${NAPI}`,
  ];
  const nodedir = nodeHeaders();
  if (nodedir !== undefined) settings.push(`--nodedir=${nodedir}`);
  const flags = { ...process.env, CXXFLAGS: `${process.env.CXXFLAGS ?? ''} -std=c++17` };
  if (!run(process.execPath, [gyp, 'rebuild', ...settings], { cwd: target, env: flags }))
    fail('The binding does not build: a C++ compiler and Python are needed (see docs/explanation/gpu.md).');
  return name;
}

function link(from, to) {
  symlinkSync(from, to, process.platform === 'win32' ? 'junction' : undefined);
}

/** Under its own name, which the binding asks for when it loads, and under the name that the linker looks for. */
function linkLibrary(file, folder, name) {
  const own = file.split(/[\\/]/).at(-1);
  link(file, join(folder, own));
  const wanted = process.platform === 'darwin' ? `lib${name}.2.dylib` : process.platform === 'win32' ? `${name}.lib` : `lib${name}.so`;
  if (own !== wanted) link(file, join(folder, wanted));
}

const name = values.library === undefined ? installUpstream() : buildAgainst(resolve(values.library));
console.log(`${name} is in .cache/tensorflow. Check it: npx logonet devices`);
