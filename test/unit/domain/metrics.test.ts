import { describe, expect, it } from 'vitest';
import { compareLabels, meanDice, pooledDice, quantile, summarise } from '#shared/domain/metrics.ts';
import type { Triple } from '#shared/geometry/grid.ts';

const size: Triple = [12, 10, 8];

/** A box of `label` from low to high (inclusive) in an empty volume. */
function box(label: number, low: Triple, high: Triple): Uint8Array {
  const labels = new Uint8Array(size[0] * size[1] * size[2]);
  for (let k = low[2]; k <= high[2]; k++)
    for (let j = low[1]; j <= high[1]; j++) for (let i = low[0]; i <= high[0]; i++) labels[(k * size[1] + j) * size[0] + i] = label;
  return labels;
}

describe('quantile', () => {
  it('interpolates as numpy does', () => {
    expect(quantile(Float64Array.of(4, 1, 3, 2), 0.95)).toBeCloseTo(3.85, 12);
    expect(quantile(Float64Array.of(7), 0.5)).toBe(7);
  });
});

describe('compareLabels', () => {
  it('is perfect on equal masks', () => {
    const mask = box(2, [2, 2, 2], [5, 6, 4]);
    const [metrics] = compareLabels(mask, mask, size, [1, 1, 1], [2]);
    expect(metrics).toMatchObject({ label: 2, dice: 1, hd95: 0, volumeError: 0 });
  });

  it('measures a shift in millimetres of each axis', () => {
    const truth = box(1, [2, 2, 2], [5, 5, 5]);
    const spacing: Triple = [0.5, 2, 3];
    // Every surface point of one box is within one voxel of the other; the faces that moved are exactly that far, which is over 5% of the points.
    for (const [shift, millimetres] of [
      [[1, 0, 0], 0.5],
      [[0, 1, 0], 2],
      [[0, 0, 1], 3],
    ] as const) {
      const moved = box(1, [2 + shift[0], 2 + shift[1], 2 + shift[2]], [5 + shift[0], 5 + shift[1], 5 + shift[2]]);
      const [metrics] = compareLabels(truth, moved, size, spacing, [1]);
      expect(metrics?.hd95).toBeCloseTo(millimetres, 9);
      expect(metrics?.dice).toBeCloseTo(0.75, 9);
    }
  });

  it('gives volumes in millilitres and the signed relative error', () => {
    const [metrics] = compareLabels(box(1, [0, 0, 0], [3, 3, 3]), box(1, [0, 0, 0], [3, 3, 4]), size, [2, 2, 5], [1]);
    expect(metrics?.truthMillilitres).toBeCloseTo((64 * 20) / 1000, 9);
    expect(metrics?.predictionMillilitres).toBeCloseTo((80 * 20) / 1000, 9);
    expect(metrics?.volumeError).toBeCloseTo(0.25, 9);
  });

  it('follows the conventions for absent labels', () => {
    const some = box(1, [1, 1, 1], [2, 2, 2]);
    const none = new Uint8Array(some.length);
    expect(compareLabels(none, none, size, [1, 1, 1], [1])[0]).toMatchObject({ dice: null, hd95: null });
    expect(compareLabels(some, none, size, [1, 1, 1], [1])[0]).toMatchObject({ dice: 0, hd95: null, volumeError: -1 });
    expect(compareLabels(none, some, size, [1, 1, 1], [1])[0]).toMatchObject({ dice: 0, hd95: null, volumeError: null });
    const summary = summarise([compareLabels(none, none, size, [1, 1, 1], [1, 2]), compareLabels(some, some, size, [1, 1, 1], [1, 2])]);
    expect(summary).toMatchObject([
      { label: 1, cases: 1, dice: 1 },
      { label: 2, cases: 0, dice: null },
    ]);
    expect(meanDice(summary)).toBe(1);
  });

  it('refuses masks of different sizes', () => {
    expect(() => compareLabels(new Uint8Array(3), new Uint8Array(960), size, [1, 1, 1], [1])).toThrow(/same grid/);
  });
});

describe('pooledDice', () => {
  const row = (label: number, truth: number, prediction: number, shared: number) => ({
    label,
    dice: truth + prediction === 0 ? null : (2 * shared) / (truth + prediction),
    hd95: null,
    truthMillilitres: truth,
    predictionMillilitres: prediction,
    volumeError: null,
  });

  it('takes the cases of a label together: a sliver that is missed hardly counts', () => {
    expect(pooledDice([[row(1, 100, 100, 90)], [row(1, 1, 0, 0)]])).toBeCloseTo(180 / 201, 9);
  });

  it('counts labels alike, and none that no case has', () => {
    expect(pooledDice([[row(1, 100, 100, 90), row(2, 4, 4, 2), row(3, 0, 0, 0)]])).toBeCloseTo((0.9 + 0.5) / 2, 9);
    expect(pooledDice([])).toBe(0);
  });
});
