import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimFolder, claimOutputs, distinctNames } from '#main/files/outputs.ts';

let folder: string;
const at = (...parts: string[]): string => join(folder, ...parts);
const make = (...parts: string[]): string => {
  const path = at(...parts);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, parts.join('/'));
  return path;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logonet-outputs-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('outputs', () => {
  it('are never an input, by whatever name, even where replacing is allowed', async () => {
    const input = make('in', 'x.nii.gz');
    mkdirSync(at('out'));
    symlinkSync(at('in'), at('same'));
    symlinkSync(input, at('out', 'link.nii.gz'));
    linkSync(input, at('out', 'hard.nii.gz'));
    for (const output of [
      input,
      at('in', '.', '..', 'in', 'x.nii.gz'),
      at('same', 'x.nii.gz'),
      at('out', 'link.nii.gz'),
      at('out', 'hard.nii.gz'),
    ])
      for (const inputs of [[input], [at('in')]])
        await expect(claimOutputs([at('out', 'free.nii.gz'), output], { inputs, overwrite: true })).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining('which is read') as string,
        });
    expect(readFileSync(input, 'utf8')).toBe('in/x.nii.gz');
  });

  it('are no file that is there, also a broken link, unless replacing is allowed; never a folder', async () => {
    const there = make('out', 'mask.nii.gz');
    symlinkSync(at('nowhere'), at('out', 'broken.nii.gz'));
    mkdirSync(at('out', 'folder.nii.gz'));
    for (const path of [there, at('out', 'broken.nii.gz')]) {
      await expect(claimOutputs([path], { inputs: [], overwrite: false })).rejects.toMatchObject({ code: 'conflict' });
      await claimOutputs([path], { inputs: [], overwrite: true });
    }
    await expect(claimOutputs([at('out', 'folder.nii.gz')], { inputs: [], overwrite: true })).rejects.toMatchObject({ code: 'conflict' });
    await claimOutputs([at('out', 'new.nii.gz'), at('elsewhere', 'new.nii.gz')], { inputs: [], overwrite: false });
  });

  it('are not one another, in upper or lower case', async () => {
    await expect(claimOutputs([at('a.nii.gz'), at('A.nii.gz')], { inputs: [], overwrite: true })).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('come with what a crash left of them removed, and nothing else', async () => {
    const own = make('out', '.writing-0123456789ab-mask.nii.gz');
    const other = make('out', '.writing-0123456789ab-other.nii.gz');
    await claimOutputs([at('out', 'mask.nii.gz')], { inputs: [], overwrite: false });
    expect([existsSync(own), existsSync(other)]).toEqual([false, true]);
  });
});

describe('a folder that fills over time', () => {
  it('is not taken from anyone, and is gone on with by its own command', async () => {
    make('data', 'cases', 'scan.nii.gz');
    await expect(claimFolder(at('data'), ['cases', 'rule.json'], 'clustering.begun')).rejects.toMatchObject({ code: 'conflict' });
    expect(existsSync(at('data', 'clustering.begun'))).toBe(false);
    mkdirSync(at('new', 'cases'), { recursive: true });
    await claimFolder(at('new'), ['cases', 'rule.json'], 'clustering.begun');
    make('new', 'rule.json');
    await claimFolder(at('new'), ['cases', 'rule.json'], 'clustering.begun');
    make('earlier', 'clusters.json');
    await claimFolder(at('earlier'), ['cases', 'clusters.json'], 'clustering.begun', ['clusters.json']);
  });
});

describe('names', () => {
  const stem = (path: string): string => basename(path).replace(/\.(nii\.gz|nii)$/i, '');
  it.each([
    [
      ['a/scan.nii.gz', 'b/scan.nii.gz'],
      ['a_scan', 'b_scan'],
    ],
    [
      ['a/scan.nii.gz', 'b/Scan.nii.gz', 'c/other.nii'],
      ['a_scan', 'b_Scan', 'other'],
    ],
    [
      ['p1/ct/scan.nii', 'p2/ct/scan.nii'],
      ['p1_ct_scan', 'p2_ct_scan'],
    ],
    [
      ['d/x.nii', 'd/x.nii.gz'],
      ['x_nii', 'x_nii_gz'],
    ],
    [
      ['d/x.nii.gz', 'd/x.nii.gz'],
      ['x_nii_gz', 'x_nii_gz_2'],
    ],
    [
      ['a/scan.nii', 'b/scan.nii', 'c/a_scan.nii'],
      ['a_scan', 'b_scan', 'c_a_scan'],
    ],
  ])('of %j', (paths, wanted) => {
    expect(
      distinctNames(
        paths.map((path) => join('/', path)),
        stem,
      ),
    ).toEqual(wanted);
  });
});
