import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { fileError } from '#main/files/fileError.ts';
import { createFolder, listFolder } from '#main/files/folders.ts';
import { asFileError } from '#main/imageio/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-faults-'));
writeFileSync(join(folder, 'file'), '');
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('errors of the system', () => {
  it('mean the same wherever they come up', () => {
    const cases = [
      [join(folder, 'gone'), 'not-found', 'is not there.'],
      [join(folder, 'file', 'below'), 'not-found', 'is not there.'],
      [folder, 'invalid-file', 'is a folder, not a file.'],
    ] as const;
    for (const [path, code, sentence] of cases) {
      const error = thrownBy(() => readFileSync(path));
      for (const told of [fileError(error, path), asFileError(path, error)])
        expect(told).toMatchObject({ code, message: expect.stringContaining(sentence) as string });
    }
  });

  it('say that the disk is full, and what any other code is', () => {
    const systemError = (code: string): Error => Object.assign(new Error(code), { code });
    for (const code of ['ENOSPC', 'EDQUOT'])
      for (const told of [fileError(systemError(code), 'a'), asFileError('a', systemError(code))])
        expect(told).toMatchObject({ code: 'disk-full', message: expect.stringMatching(/disk is full/) as string });
    expect(fileError(systemError('EIO'), 'a')).toMatchObject({ code: 'io', message: expect.stringContaining('(EIO)') as string });
  });

  it('leave alone what is no error of the system', () => {
    for (const error of [
      new StudioError('conflict', 'as it was'),
      new TypeError('x'),
      Object.assign(new Error('x'), { code: 'ERR_ASSERTION' }),
    ])
      expect(fileError(error, 'a')).toBe(error);
  });
});

describe('browsing folders', () => {
  it('says what is wrong with a folder', async () => {
    await expect(listFolder(join(folder, 'gone'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(listFolder('relative')).rejects.toMatchObject({ code: 'invalid-argument' });
    await createFolder(folder, 'new');
    await expect(createFolder(folder, 'new')).rejects.toMatchObject({ code: 'conflict', message: '“new” is there already.' });
    await expect(createFolder(folder, '../up')).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await listFolder(folder)).entries.map(({ name, kind }) => [name, kind])).toEqual([
      ['new', 'folder'],
      ['file', 'file'],
    ]);
  });
});
