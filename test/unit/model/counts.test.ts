import { describe, expect, it } from 'vitest';
import { countModel } from '#main/model/counts.ts';
import { variant } from '#main/model/variants.ts';

describe('counts at 96³ and 14 classes (paper, Table 1; LOGONET calibration)', () => {
  it.each([
    ['normal', 67_541_928, 246.957, 245.797],
    ['large', 172_503_720, 487.631, 486.008],
    ['ulkanet', 40_336_296, 129.851, 129.242],
  ])('%s', (name, parameters, thopGiga, gigaMacs) => {
    const counts = countModel(variant(name, 14), [96, 96, 96]);
    expect(counts.parameters).toBe(parameters);
    expect(counts.thopGiga).toBeCloseTo(thopGiga, 3);
    expect(counts.macs / 1e9).toBeCloseTo(gigaMacs, 2);
  });

  it.each([
    ['normal', 67_579_560],
    ['large', 172_580_904],
  ])('%s with the authors’ block has as many parameters as they counted; the residual block as many', (name, parameters) => {
    for (const block of ['authors', 'residual'] as const)
      expect(countModel(variant(name, 14, 1, block), [96, 96, 96]).parameters).toBe(parameters);
  });

  it('a U-Net has no block to choose', () => {
    expect(() => variant('unet', 14, 1, 'authors')).toThrow(/no blocks/);
  });

  it('`wide` has three times the weights of `small` and half as many products again: its full resolution stays narrow', () => {
    const [small, wide] = ['small', 'wide'].map((name) => countModel(variant(name, 14), [48, 48, 48]));
    expect([small?.parameters, wide?.parameters]).toEqual([2_165_832, 6_924_824]);
    expect((wide?.macs ?? NaN) / (small?.macs ?? NaN)).toBeCloseTo(1.55, 2);
  });

  it('refuses a size that the stages do not divide', () => {
    expect(() => countModel(variant('normal', 14), [48, 96, 96])).toThrow(/multiple of 32/);
  });
});
