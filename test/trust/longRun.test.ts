import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { longRun, told } from './longRun.ts';
import type { TrustRow } from './row.ts';

const folder = mkdtempSync(join(tmpdir(), 'long-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

const parts: number[][] = [];
const row: TrustRow = {
  name: 'counted',
  property: 'counts',
  count: 7,
  short: 1,
  part: 3,
  run: ({ from, count }) => {
    parts.push([from, count]);
    return Promise.resolve({
      tried: count,
      failures: from === 3 ? ['the third part'] : [],
      counts: { trials: count },
      most: { 'as first trial': from },
      note: 'seen',
    });
  },
};
const range = { seed: 1, from: 0, count: 7 };
const killed = (): never => {
  throw new Error('killed');
};

describe('a long run', () => {
  it('goes on behind the part that was done when it was killed, and tells the figures of all', async () => {
    await expect(longRun(row, range, false, killed, folder)).rejects.toThrow('killed');
    const run = await longRun(row, range, false, () => undefined, folder);
    expect(parts.splice(0)).toEqual([
      [0, 3],
      [3, 3],
      [6, 1],
    ]);
    expect(run).toMatchObject({ tried: 7, done: 7, failures: ['the third part'], counts: { trials: 7 }, most: { 'as first trial': 6 } });
    expect(told(run)).toBe('7 trials, at most 6 as first trial, seen');
  });

  it('begins anew where the last one came to its end, where another range is asked for, or where it is told to', async () => {
    await longRun(row, { ...range, count: 3 }, false, () => undefined, folder);
    await expect(longRun(row, range, false, killed, folder)).rejects.toThrow('killed');
    await expect(longRun(row, range, true, killed, folder)).rejects.toThrow('killed');
    expect(parts.splice(0)).toEqual([
      [0, 3],
      [0, 3],
      [0, 3],
    ]);
  });
});
