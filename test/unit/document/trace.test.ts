import { describe, expect, it } from 'vitest';
import { faultsOf } from '../../trust/rows/powerLoss.ts';

const sound = [
  '1 write(20</p/.a.tmp>, "x", 1) = 1',
  '1 fsync(20</p/.a.tmp>) = 0',
  '1 rename("/p/.a.tmp", "/p/a") = 0',
  '1 fsync(21</p>) = 0',
];

describe('the trace of a save', () => {
  it('is sound in the right order', () => {
    expect(faultsOf(sound.join('\n'))).toEqual({ renames: 1, faults: [] });
  });

  it.each([
    ['no fsync of the file', [0, 2, 3], /before its content was synced/],
    ['a write after the fsync', [0, 1, 0, 2, 3], /before its content was synced/],
    ['a failed fsync', [0, 4, 2, 3], /before its content was synced/],
    ['no fsync of the folder', [0, 1, 2], /folder was not synced/],
    ['the folder before the rename', [0, 1, 3, 2], /folder was not synced/],
  ] as const)('is found out with %s', (_name, order, message) => {
    const lines = [...sound, '1 fsync(20</p/.a.tmp>) = -1 EIO'];
    const { faults } = faultsOf(order.map((n) => lines[n]).join('\n'));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(message);
  });
});
