import { describe, expect, it } from 'vitest';
import { fileSize, memorySize } from '#shared/base/bytes.ts';
import { localDay, localTime } from '#shared/base/localTime.ts';

describe('what a person reads', () => {
  it('names a size in the unit that it has', () => {
    expect([300, 70 * 1024, 22.4 * 2 ** 20, 1.5 * 2 ** 30].map((bytes) => memorySize(bytes))).toEqual([
      '0.3 KiB',
      '70.0 KiB',
      '22.4 MiB',
      '1.5 GiB',
    ]);
    expect([300, 70_000, 22.4e6, 1.5e9].map(fileSize)).toEqual(['0.3 kB', '70.0 kB', '22.4 MB', '1.5 GB']);
  });

  it('writes a day as the time of that day does', () => {
    const at = new Date(2026, 10, 30, 9, 5, 7).getTime();
    expect([localDay(at), localTime(at)]).toEqual(['2026-11-30', '2026-11-30 09:05:07']);
  });
});
