import { describe, expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { fingerprintCase, fingerprintDataset, type CaseFingerprint } from '#main/training/fingerprint.ts';
import { chooseIntensity, choosePatch, chooseSpacing } from '#main/training/trainingPlan.ts';

function look(size: Triple, spacing: Triple, more: Partial<CaseFingerprint> = {}): CaseFingerprint {
  return { size, spacing, modality: 'MR', labelVoxels: { 1: 10 }, minimum: 0, foreground: Float32Array.of(1, 2, 3), ...more };
}

const always = { recipe: 'standard', multiple: 16, largestPatch: 96 ** 3, batch: 2, fits: () => true } as const;

describe('the training plan', () => {
  it('meets the hippocampus crops with 32×48×32 (D, H, W)', () => {
    const fingerprint = fingerprintDataset([look([35, 50, 36], [1, 1, 1]), look([34, 48, 38], [1, 1, 1]), look([36, 52, 35], [1, 1, 1])]);
    expect(choosePatch(fingerprint, [1, 1, 1], always)).toEqual({ patch: [32, 48, 32], batch: 2 });
  });

  it('takes the median spacing, and the finer tenth along a coarse axis', () => {
    const thin = fingerprintDataset([look([10, 10, 10], [1, 1, 1]), look([10, 10, 10], [2, 2, 2]), look([10, 10, 10], [1.5, 1.5, 1.5])]);
    expect(chooseSpacing(thin)).toEqual([1.5, 1.5, 1.5]);
    const thick = fingerprintDataset([5, 5, 5, 5, 1].map((mm) => look([10, 10, 10], [0.8, 0.8, mm])));
    expect(chooseSpacing(thick)[2]).toBeCloseTo(2.6, 6); // numpy.percentile([5, 5, 5, 5, 1], 10)
    expect(chooseSpacing(thick)[0]).toBeCloseTo(0.8, 9);
  });

  it('shrinks until the patch is small enough and fits, then the batch', () => {
    const large = fingerprintDataset([look([300, 300, 200], [1, 1, 1])]);
    const { patch } = choosePatch(large, [1, 1, 1], always);
    expect(patch[0] * patch[1] * patch[2]).toBeLessThanOrEqual(96 ** 3);
    expect(patch.every((side) => side % 16 === 0)).toBe(true);
    const tight = choosePatch(large, [1, 1, 1], { ...always, multiple: 32, fits: ([d, h, w], batch) => batch * d * h * w <= 64 ** 3 });
    expect(tight.batch * tight.patch[0] * tight.patch[1] * tight.patch[2]).toBeLessThanOrEqual(64 ** 3);
    expect(tight.patch.every((side) => side % 32 === 0)).toBe(true);
    expect(choosePatch(large, [1, 1, 1], { ...always, fits: () => false })).toEqual({ patch: [16, 16, 16], batch: 1 });
  });

  it('windows CT around what lies under the labels and z-scores MR', () => {
    const ct = fingerprintDataset([look([9, 9, 9], [1, 1, 1], { modality: 'unknown', minimum: -1024, foreground: Float32Array.from({ length: 201 }, (_, at) => at - 100) })]);
    expect(ct.modality).toBe('CT');
    expect(chooseIntensity(ct, 'standard')).toEqual({ kind: 'window', low: -149, high: 149 });
    expect(chooseIntensity(ct, 'paper')).toEqual({ kind: 'window', low: -1000, high: 1000 });
    expect(chooseIntensity(fingerprintDataset([look([9, 9, 9], [1, 1, 1])]), 'standard').kind).toBe('zscore');
  });
});

describe('fingerprintCase', () => {
  const grid = { size: [4, 3, 2], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0] } as const;
  const image = { grid, data: Int16Array.from({ length: 24 }, (_, at) => at) };
  const labels = { grid, data: new Uint8Array(24) };

  it('collects sizes, spacing, labels and intensities under them', () => {
    labels.data.set([1, 1, 5], 10);
    const fingerprint = fingerprintCase(image, labels, 'unknown', [1, 5]);
    expect(fingerprint).toMatchObject({ size: [4, 3, 2], spacing: [1, 1, 2], labelVoxels: { 1: 2, 5: 1 }, minimum: 0 });
    expect([...fingerprint.foreground]).toEqual([10, 11, 12]);
  });

  it('refuses a label outside the set, another grid and values that are not numbers', () => {
    labels.data.fill(0).set([3], 0);
    expect(() => fingerprintCase(image, labels, 'MR', [1, 2])).toThrow(/value 3/);
    labels.data.fill(0);
    const elsewhere = { grid: { ...grid, affine: [1, 0, 0, 9, 0, 1, 0, 0, 0, 0, 2, 0] as const }, data: labels.data };
    expect(() => fingerprintCase(image, elsewhere, 'MR', [1])).toThrow(/same grid/);
    expect(() => fingerprintCase({ grid, data: new Float32Array(24).fill(NaN) }, labels, 'MR', [1])).toThrow(/not numbers/);
  });
});
