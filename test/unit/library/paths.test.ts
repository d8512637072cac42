import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId, ProjectPaths } from '#main/library/index.ts';

let base: string;
let paths: ProjectPaths;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'paths-'));
  mkdirSync(join(base, 'project/images'), { recursive: true });
  mkdirSync(join(base, 'outside'));
  paths = new ProjectPaths(join(base, 'project'));
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

describe('paths of a project', () => {
  it.each([
    '../outside/x',
    'images/../../outside/x',
    '/etc/passwd',
    'C:\\windows',
    'C:/windows',
    '\\\\server\\share',
    '//server/share',
    'images\\..\\x',
    'a\0b',
    '',
    '.',
    './x',
    'images//x',
    '..',
  ])('never lead outside: %j', (path) => {
    expect(() => paths.inside(path)).toThrow(/outside its own folder/);
  });

  it('never follow a link outside, not even one that leads to nothing yet', () => {
    symlinkSync(join(base, 'outside'), join(base, 'project/images/link'));
    symlinkSync(join(base, 'outside/new'), join(base, 'project/images/dangling'));
    symlinkSync(join(base, 'project/images'), join(base, 'project/within'));
    expect(() => paths.inside('images/link/x')).toThrow(/outside/);
    expect(() => paths.inside('images/dangling')).toThrow(/outside/);
    expect(() => paths.inside('images/dangling/x')).toThrow(/outside/);
    writeFileSync(join(base, 'project/images/x'), '');
    expect(paths.inside('within/x')).toContain('within');
  });

  it('are written down relative, with slashes, and come back', () => {
    const path = join(base, 'project/images/a b/ü.nii.gz');
    expect(paths.relative(path)).toBe('images/a b/ü.nii.gz');
    expect(paths.inside(paths.relative(path)).endsWith('images/a b/ü.nii.gz')).toBe(true);
    expect(() => paths.relative(join(base, 'outside/x'))).toThrow(/outside/);
  });

  it.each(['../x', 'a/b', '', '.hidden', 'x'.repeat(129), 'a\0'])('take no identifier that is a path: %j', (id) => {
    for (const place of [() => paths.case(id), () => paths.model(id), () => paths.job(id)]) expect(place).toThrow(/not valid/);
  });
});

it('identifiers are unique and sort by time', () => {
  const ids = Array.from({ length: 5000 }, newId);
  expect(new Set(ids).size).toBe(5000);
  expect(ids.toSorted()).toEqual(ids);
});
