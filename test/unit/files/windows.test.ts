/** What can be tried of Windows elsewhere: paths as its `path.win32` has them, and the addon's sources through a compiler that makes its object files. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve, win32 } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withAbsolutePaths, withRelativePaths } from '#main/files/portablePaths.ts';
import { applicationData } from '#main/files/applicationData.ts';
import { projectOf } from '#main/host/electron/locations.ts';
import { mappedPaths } from '#main/project/handOver.ts';
import { nodeHeaders } from '../../../scripts/node.mjs';

const native = resolve(import.meta.dirname, '../../../src-main/engine/executors/cpu/native');

describe('paths of Windows', () => {
  it('become those of a cluster’s share, and only below the mapped folder', () => {
    const mapped = [
      { from: 'D:\\scans', to: '/mnt/scans' },
      { from: '\\\\pacs\\out', to: '/mnt/pacs' },
    ];
    expect(mappedPaths(['D:\\scans\\a b\\1.dcm', '\\\\pacs\\out\\2.dcm'], mapped)).toEqual(['/mnt/scans/a b/1.dcm', '/mnt/pacs/2.dcm']);
    expect(mappedPaths(['D:\\scans\\1.dcm', 'D:\\scans2\\1.dcm'], mapped)).toBeUndefined();
  });

  it('of a job’s folder hold on another system', () => {
    const written = withRelativePaths(
      { image: 'C:\\study\\jobs\\7\\input\\x.nii', other: 'D:\\x.nii' },
      'C:\\study\\jobs\\7',
      'C:\\study\\jobs\\7',
      win32,
    );
    expect(written).toEqual({ image: { relativePath: 'input/x.nii' }, other: 'D:\\x.nii' });
    expect(withAbsolutePaths(written, '/shared/jobs/7')).toEqual({ image: '/shared/jobs/7/input/x.nii', other: 'D:\\x.nii' });
  });

  it('lead to the settings and to the project that was double-clicked', () => {
    expect(applicationData('win32', { LOCALAPPDATA: 'C:\\Users\\kim\\AppData\\Local' })).toMatch(
      /^C:\\Users\\kim\\AppData\\Local.LoGoNet Studio$/,
    );
    expect(projectOf(['LoGoNet Studio.exe', 'C:\\study\\Open.logonet'])).toBe('C:\\study');
    expect(projectOf(['LoGoNet Studio.exe', 'C:\\study\\project.json'])).toBe('C:\\study');
  });
});

/** Code that renames or syncs goes through `src-main/files`, where what Windows has not (folders that are synced) is left out. */
it('folders are opened to be synced where Windows leaves it out, and nowhere else', () => {
  const root = resolve(import.meta.dirname, '../../../src-main');
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => /\b(syncFolder|syncFolderSync)\b.*\{$/m.test(readFileSync(join(root, name), 'utf8')))
    .map((name) => name.replaceAll('\\', '/'));
  for (const name of found) expect(readFileSync(join(root, name), 'utf8')).toContain("process.platform === 'win32'");
  expect(found.sort()).toEqual(['files/atomicFile.ts', 'files/durable.ts']);
});

/** Clang is told where MinGW's C++ library lies. */
const ofGcc = '/usr/lib/gcc/x86_64-w64-mingw32';
const library = (existsSync(ofGcc) ? readdirSync(ofGcc) : [])
  .map((name) => join(ofGcc, name, 'include/c++'))
  .find((path) => existsSync(path));
const compilers = [
  {
    name: 'clang++',
    target: [
      '--target=x86_64-w64-mingw32',
      ...(library === undefined ? [] : ['-isystem', library, '-isystem', join(library, 'x86_64-w64-mingw32')]),
    ],
  },
  { name: 'x86_64-w64-mingw32-g++', target: [] },
];
const compiler = compilers.find(
  ({ name }) =>
    (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name))) &&
    existsSync('/usr/x86_64-w64-mingw32/include'),
);
const headers = nodeHeaders();

describe.skipIf(compiler === undefined || headers === undefined)(
  `the addon's sources for Windows${compiler === undefined ? ' (no clang or GCC for MinGW, with its headers)' : ` (${compiler.name})`}`,
  () => {
    const flags: Readonly<Record<string, readonly string[]>> = {
      'avx2.cc': ['-mavx2', '-mfma'],
      'avx2wide.cc': ['-mavx2', '-mfma'],
      'avx512.cc': ['-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx512bw', '-mfma'],
    };
    it.each(readdirSync(native).filter((name) => name.endsWith('.cc')))('%s compiles', { timeout: 300_000 }, (source) => {
      const folder = mkdtempSync(join(tmpdir(), 'windows-'));
      try {
        const { status, stderr } = spawnSync(
          compiler?.name ?? '',
          [
            ...(compiler?.target ?? []),
            '-std=c++17',
            '-O0',
            '-Wno-ignored-attributes',
            '-Wno-psabi',
            '-fno-math-errno',
            ...(flags[source] ?? []),
            ...['NAPI_VERSION=8', 'NODE_ADDON_API_CPP_EXCEPTIONS_ALL', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'].map(
              (each) => `-D${each}`,
            ),
            `-I${join(headers ?? '', 'include', 'node')}`,
            `-I${resolve(import.meta.dirname, '../../../node_modules/node-addon-api')}`,
            ...['-c', join(native, source), '-o', join(folder, 'object.obj')],
          ],
          { encoding: 'utf8' },
        );
        expect(
          stderr
            .split('\n')
            .filter((line) => line.includes('error'))
            .slice(0, 5),
        ).toEqual([]);
        expect(status).toBe(0);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  },
);
