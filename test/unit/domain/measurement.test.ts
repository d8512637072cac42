import { expect, it } from 'vitest';
import { measured, measuredText } from '#shared/domain/measurement.ts';

it('distances, angles and areas are those of the points, also on an oblique plane', () => {
  expect(
    measured({
      kind: 'distance',
      points: [
        [0, 0, 0],
        [3, 4, 12],
      ],
    }),
  ).toEqual({ value: 13, unit: 'mm' });
  expect(
    measuredText({
      kind: 'angle',
      points: [
        [1, 0, 0],
        [0, 0, 0],
        [0, 2, 0],
      ],
    }),
  ).toBe('90.0°');
  expect(
    measured({
      kind: 'angle',
      points: [
        [1, 0, 0],
        [0, 0, 0],
        [1, 1, 0],
      ],
    }).value,
  ).toBeCloseTo(45, 9);
  // A square of side 2 in the plane x = z.
  const h = Math.SQRT2;
  expect(
    measured({
      kind: 'area',
      points: [
        [0, 0, 0],
        [h, 0, h],
        [h, 2, h],
        [0, 2, 0],
      ],
    }).value,
  ).toBeCloseTo(4, 9);
  expect(measured({ kind: 'angle', points: [[0, 0, 0]] }).value).toBe(0);
});
