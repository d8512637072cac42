import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeFolder } from '#main/files/makeFolder.ts';
import { createProject } from '#main/library/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-folder-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const hasProc = existsSync('/proc/self');
const because = hasProc ? '' : ' (skipped: this system has no /proc)';

describe('makeFolder', () => {
  it('makes what is missing and takes what is there', () => {
    const path = join(folder, 'a/b/c');
    makeFolder(path);
    makeFolder(path);
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it('refuses a file in the way', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => {
      makeFolder(join(folder, 'file'));
    }).toThrow('is there already');
    expect(() => {
      makeFolder(join(folder, 'file/below'));
    }).toThrow('is there already');
  });

  it.skipIf(!hasProc)(`comes to an end where no folder can be made${because}`, () => {
    expect(() => {
      makeFolder('/proc/x/y');
    }).toThrow('cannot be made here');
    expect(() => createProject('/proc/x', { name: 'x', labelSet: { labels: [] }, author: 'x' })).toThrow('cannot be made here');
  });
});
