import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tarEntries, TarWriter } from '#main/files/tar.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logonet-tar-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const files: readonly (readonly [string, Buffer])[] = [
  ['a.txt', Buffer.from('hello')],
  ['empty', Buffer.alloc(0)],
  ['block', Buffer.alloc(512, 7)],
  ['cases/über/ß.mask', Buffer.alloc(3_000_001, 3)],
  [`${'folder/'.repeat(20)}deep.bin`, Buffer.from('ustar prefix')],
  [`${'n'.repeat(300)}.bin`, Buffer.from('pax header')],
];

async function written(): Promise<string> {
  const path = join(folder, 'all.tar');
  const file = await open(path, 'w');
  const archive = new TarWriter(file);
  for (const [name, bytes] of files) await archive.add(name, bytes.length, [bytes.subarray(0, 100), bytes.subarray(100)]);
  await archive.end();
  await file.close();
  return path;
}

async function entriesOf(path: string): Promise<[string, Buffer][]> {
  const file = await open(path, 'r');
  try {
    const found: [string, Buffer][] = [];
    for await (const entry of tarEntries(file)) {
      const pieces: Buffer[] = [];
      for await (const piece of entry.pieces()) pieces.push(piece);
      found.push([entry.name, Buffer.concat(pieces)]);
    }
    return found;
  } finally {
    await file.close();
  }
}

it('holds what was put in, whatever the names', async () => {
  expect(
    (await entriesOf(await written())).map(([name, bytes]) => [
      name,
      bytes.equals(files.find((each) => each[0] === name)?.[1] ?? Buffer.of(1)),
    ]),
  ).toEqual(files.map(([name]) => [name, true]));
});

const hasTar = ((): boolean => {
  try {
    return execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('tar');
  } catch {
    return false;
  }
})();
it.skipIf(!hasTar)('is read by the system’s tar, and reads what that writes', async () => {
  const path = await written();
  execFileSync('tar', ['xf', path, '-C', folder, '--exclude', 'nnn*']);
  for (const [name, bytes] of files.slice(0, 5)) expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
  execFileSync('tar', ['--format=ustar', '-cf', join(folder, 'other.tar'), '-C', folder, 'a.txt', 'cases/über/ß.mask']);
  expect((await entriesOf(join(folder, 'other.tar'))).map(([name, bytes]) => [name, bytes.length])).toEqual([
    ['a.txt', 5],
    ['cases/über/ß.mask', 3_000_001],
  ]);
});

it('says that it is damaged where it breaks off, and where a header was changed', async () => {
  const bytes = readFileSync(await written());
  const path = join(folder, 'damaged.tar');
  for (const length of [100, 512, 600, 20_000]) {
    writeFileSync(path, bytes.subarray(0, length));
    await expect(entriesOf(path)).rejects.toMatchObject({ code: 'corrupt' });
  }
  const changed = Buffer.from(bytes);
  changed[0] = 98;
  writeFileSync(path, changed);
  await expect(entriesOf(path)).rejects.toMatchObject({ code: 'corrupt' });
});

it('refuses a file that is shorter or longer than it was said to be', async () => {
  const file = await open(join(folder, 'x.tar'), 'w');
  const archive = new TarWriter(file);
  await expect(archive.add('x', 10, [Buffer.alloc(9)])).rejects.toMatchObject({ code: 'io' });
  await expect(archive.add('x', 10, [Buffer.alloc(11)])).rejects.toMatchObject({ code: 'io' });
  await file.close();
});
