import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freeBytes, spaceWarning } from '#main/files/freeSpace.ts';

it('warns where a disk would be filled, with both figures', () => {
  expect(spaceWarning('This import', 5 * 2 ** 30, 6 * 2 ** 30)).toBeNull();
  expect(spaceWarning('This import', 5 * 2 ** 30, 5 * 2 ** 30)).toMatch(
    /^This import needs about 5\.0 GiB, and the disk has 5\.0 GiB left\./,
  );
  expect(spaceWarning('This import', 5, null)).toBeNull();
});

it('knows what is free also where the folder is yet to be made', async () => {
  expect(await freeBytes(join(tmpdir(), 'not', 'there', 'yet'))).toBeGreaterThan(0);
});
