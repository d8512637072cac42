import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix, win32 } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withAbsolutePaths, withMovedPaths, withRelativePaths } from '#main/files/portablePaths.ts';

const systems = [
  {
    system: 'POSIX',
    path: posix,
    home: '/data/a study',
    elsewhere: '/mnt/b',
    outside: ['/data/a study 2/x.nii', '/data', '/x', 'images/1.nii'],
  },
  {
    system: 'Windows',
    path: win32,
    home: 'C:\\data\\a study',
    elsewhere: '\\\\server\\share\\b',
    outside: ['C:\\data\\a study 2\\x.nii', 'D:\\data\\a study\\x.nii', '\\\\server\\share\\x.nii', 'images/1.nii'],
  },
];

describe.each(systems)('paths inside a folder, on $system', ({ path, home, elsewhere, outside }) => {
  const here = (place: string) => path.join(place, 'jobs', '7');
  const config = (place: string) => ({
    cases: [{ image: [path.join(place, 'images', '..x', '1.nii')], mask: path.join(place, 'jobs', '7', 'out', 'm.nii') }],
    none: null,
    home: place,
    outside,
    seed: 3,
  });

  it('are written relative, with /, and found again wherever the folder lies', () => {
    const written = JSON.stringify(withRelativePaths(config(home), here(home), home, path));
    expect(JSON.parse(written)).toEqual({
      cases: [{ image: [{ relativePath: '../../images/..x/1.nii' }], mask: { relativePath: 'out/m.nii' } }],
      none: null,
      home: { relativePath: '../..' },
      outside,
      seed: 3,
    });
    expect(withAbsolutePaths(JSON.parse(written), here(home), path)).toEqual(config(home));
    expect(withAbsolutePaths(JSON.parse(written), here(elsewhere), path)).toEqual(config(elsewhere));
  });
});

it("a drive's letter and a folder's name count on Windows however they are written", () => {
  expect(withRelativePaths('c:\\Data\\study\\images\\1.nii', 'C:\\data\\study\\jobs\\7', 'C:\\data\\study', win32)).toEqual({
    relativePath: '../../images/1.nii',
  });
});

it.skipIf(process.platform === 'win32')('a path through a link counts as inside, too', () => {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'portable-'));
  try {
    mkdirSync(join(root, 'real'));
    symlinkSync(join(root, 'real'), join(root, 'link'));
    const home = join(root, 'link');
    expect(withRelativePaths([join(home, 'a'), join(root, 'real', 'b')], join(home, 'jobs'), home)).toEqual([
      { relativePath: '../a' },
      { relativePath: '../b' },
    ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

it('paths that an earlier version wrote lead to the new place, whichever system wrote them', () => {
  const to = join('/mnt', 'b');
  expect(withMovedPaths({ a: ['C:\\study\\models\\7'], b: 'C:\\study 2\\x', c: 'C:\\study' }, 'C:\\study', to)).toEqual({
    a: [join(to, 'models', '7')],
    b: 'C:\\study 2\\x',
    c: 'C:\\study',
  });
  expect(withMovedPaths('/study/images/1.nii', '/study', to)).toBe(join(to, 'images', '1.nii'));
});
