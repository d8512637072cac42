import { describe, expect, it } from 'vitest';
import { sliceAugmentation, type ClassWeighting } from '#shared/domain/trainConfig.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import { variant } from '#main/model/variants.ts';
import {
  fingerprintCase,
  fingerprintDataset,
  type CaseFingerprint,
  type ChannelFingerprint,
  type DatasetFingerprint,
} from '#main/training/fingerprint.ts';
import {
  balancedSpacing,
  cardOf,
  chooseIntensity,
  chooseLoss,
  classSharesOf,
  choosePatch,
  chooseSpacing,
  makeTrainingPlan,
  slicesText,
  thickSlices,
  wholeSliceSpacing,
} from '#main/training/trainingPlan.ts';

const mr: ChannelFingerprint = { modality: 'MR', minimum: 0, foreground: Float32Array.of(1, 2, 3) };
const ctLike: ChannelFingerprint = {
  modality: 'unknown',
  minimum: -1024,
  foreground: Float32Array.from({ length: 201 }, (_, at) => at - 100),
};

function look(size: Triple, spacing: Triple, more: Partial<CaseFingerprint> = {}): CaseFingerprint {
  return { size, spacing, labelVoxels: { 1: 10 }, channels: [mr], ...more };
}

const always = { recipe: 'standard', slices: 'keep', multiple: 16, largestPatch: 96 ** 3, batch: 2, fits: () => true } as const;

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

  it('says which axis has thick slices, and keeps or divides them', () => {
    const { spacing, slices, patch } = makeTrainingPlan(fingerprintDataset([look([90, 96, 10], [1.5, 1.5, 10])]), always);
    expect([spacing, slices, patch]).toEqual([[1.5, 1.5, 10], { axis: 2, parts: 1 }, [16, 96, 96]]);
    // Stacks of slices have numbers of augmentation of their own, by the standard recipe.
    const changes = ([mm, recipe]: readonly [number, 'standard' | 'paper']) =>
      makeTrainingPlan(fingerprintDataset([look([90, 96, 10], [1.5, 1.5, mm])]), { ...always, recipe }).augmentation;
    const kinds = [
      [10, 'standard'],
      [10, 'paper'],
      [1.5, 'standard'],
    ] as const;
    expect(kinds.map(changes)).toEqual([sliceAugmentation, undefined, undefined]);
    const divided = makeTrainingPlan(fingerprintDataset([look([90, 96, 10], [1.5, 1.5, 10])]), { ...always, slices: 'divide' });
    expect(divided.spacing[2]).toBeCloseTo(10 / 3, 9);
    expect([divided.slices, divided.patch]).toEqual([{ axis: 2, parts: 3 }, [32, 96, 96]]);
    expect(slicesText(divided.spacing, { axis: 2, parts: 3 })).toContain(
      '10.0 mm apart, 6.7 times the voxels within them: they are divided into 3 each',
    );
    // Coarser within the slices, they need fewer parts, or none, and stay slices.
    const thick = fingerprintDataset([look([90, 96, 10], [1.5, 1.5, 10])]);
    const coarse = makeTrainingPlan(thick, { ...always, slices: 'divide', spacing: [2.5, 2.5, 10] });
    expect([coarse.spacing, coarse.slices, coarse.patch]).toEqual([[2.5, 2.5, 5], { axis: 2, parts: 2 }, [16, 64, 48]]);
    expect(makeTrainingPlan(thick, { ...always, spacing: [4, 4, 10] }).slices).toEqual({ axis: 2, parts: 1 });
    expect(thickSlices([1, 3, 1], 'divide')).toBeUndefined();
    expect(thickSlices([1, 1, 7], 'balance')).toEqual({ axis: 2, parts: 3 });
    expect(thickSlices([7, 1, 1], 'divide')).toEqual({ axis: 0, parts: 3 });
  });

  it('makes voxels within thick slices coarser until a patch sees a quarter of a case', () => {
    const heart = fingerprintDataset([look([216, 256, 10], [1.5, 1.5, 10])]);
    const small = balancedSpacing(heart, [1.5, 1.5, 10], 16 * 96 * 80);
    expect(small.map((mm) => Number(mm.toFixed(3)))).toEqual([2.25, 2.25, 10]);
    const plan = makeTrainingPlan(heart, { ...always, slices: 'balance', patch: [16, 96, 80] });
    expect([plan.spacing.map((mm) => Number(mm.toFixed(3))), plan.slices]).toEqual([[2.25, 2.25, 5], { axis: 2, parts: 2 }]);
    expect(slicesText(plan.spacing, { axis: 2, parts: 2 })).toContain('divided into 2 each, on a grid of 2.3×2.3×5.0 mm');
    // A patch that sees enough, and slices that are not thick: nothing becomes coarser.
    expect(balancedSpacing(heart, [1.5, 1.5, 10], 500_000)).toEqual([1.5, 1.5, 10]);
    expect(balancedSpacing(heart, [4, 4, 10], 1000)).toEqual([4, 4, 10]);
    // At most until the slices are as fine as they are apart.
    expect(Math.max(...balancedSpacing(heart, [1.5, 1.5, 10], 1))).toBeLessThanOrEqual(10);
  });

  it('makes voxels within thick slices coarser until a patch sees whole slices, as far as the smallest label allows', () => {
    const rounded = (mm: Triple) => mm.map((side) => Number(side.toFixed(3)));
    const heart = (millilitres: number) =>
      fingerprintDataset([look([216, 256, 10], [1.5, 1.5, 10], { labelVoxels: { 1: 5000, 2: (millilitres * 1000) / 22.5 } })]);
    const plan = (fingerprint: DatasetFingerprint, more: object = {}) => {
      const { spacing, patch, slices } = makeTrainingPlan(fingerprint, { ...always, slices: 'whole', ...more });
      return { spacing: rounded(spacing), patch, slices };
    };
    // 324×384 mm in 80×80 voxels; a patch that is chosen here has at most 102,400.
    expect(plan(heart(100), { patch: [16, 80, 80] }).spacing).toEqual([4.8, 4.8, 10]);
    expect(plan(heart(100))).toEqual({ spacing: [4.8, 4.8, 10], patch: [16, 80, 80], slices: { axis: 2, parts: 1 } });
    // An eighth of the cube root of 8 millilitres is 2.5 mm; what only half of the cases hold is as large in those.
    expect(plan(heart(8), { patch: [16, 80, 80] }).spacing).toEqual([2.475, 2.475, 10]);
    const half = fingerprintDataset([
      look([216, 256, 10], [1.5, 1.5, 10], { labelVoxels: { 1: 5000, 2: 8000 / 22.5 } }),
      look([216, 256, 10], [1.5, 1.5, 10], { labelVoxels: { 1: 5000 } }),
    ]);
    expect(plan(half, { patch: [16, 80, 80] }).spacing).toEqual([2.475, 2.475, 10]);
    // Unless told otherwise so with few cases, by the standard recipe and on no grid that is asked for.
    const coarse = [4.8, 4.8, 10];
    const own = [1.5, 1.5, 10];
    const many = fingerprintDataset(Array.from({ length: 20 }, () => look([216, 256, 10], [1.5, 1.5, 10], { labelVoxels: { 1: 5000 } })));
    const unasked = { slices: undefined, patch: [16, 80, 80] };
    expect(plan(heart(100), unasked).spacing).toEqual(coarse);
    expect(plan(heart(100), { ...unasked, recipe: 'paper' }).spacing).toEqual(own);
    expect(plan(heart(100), { ...unasked, spacing: own }).spacing).toEqual(own);
    expect(plan(many, unasked).spacing).toEqual(own);
    expect(plan(many, { ...unasked, slices: 'whole' }).spacing).toEqual(coarse);
    // Where no axis is coarse, or a patch sees a slice already, nothing becomes coarser.
    const cube = fingerprintDataset([look([216, 256, 200], [1.5, 1.5, 1.5])]);
    expect(wholeSliceSpacing(cube, [1.5, 1.5, 1.5], always)).toEqual([1.5, 1.5, 1.5]);
    expect(plan(fingerprintDataset([look([64, 64, 10], [1.5, 1.5, 10])])).spacing).toEqual([1.5, 1.5, 10]);
  });

  it('takes MR intensities relative to what lies around within a slice where slices are thick, unless told otherwise', () => {
    const local = { kind: 'local', lowPercentile: 0.5, highPercentile: 99.5, millimetres: 25 };
    const kindOf = (spacing: Triple, more: object = {}, channels = [mr]) =>
      makeTrainingPlan(fingerprintDataset([look([90, 96, 10], spacing, { channels })]), { ...always, ...more });
    expect(kindOf([1.5, 1.5, 10]).intensity).toEqual({ ...local, sliceAxis: 2 });
    expect(kindOf([7, 1, 1]).intensity).toEqual({ ...local, sliceAxis: 0 });
    expect(kindOf([1.5, 1.5, 10], { channels: ['T1'] }).channels?.[0]?.intensity).toEqual({ ...local, sliceAxis: 2 });
    expect(kindOf([1.5, 1.5, 10], { contrast: 'local' }).intensity).toEqual(local);
    for (const { intensity } of [
      kindOf([2, 2, 2]),
      kindOf([1.5, 1.5, 10], { contrast: 'volume' }),
      kindOf([1.5, 1.5, 10], { recipe: 'paper' }),
    ])
      expect(intensity).toEqual({ kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 });
    expect(kindOf([2, 2, 2], { contrast: 'local' }).intensity).toEqual(local);
    // Also on a grid of which no axis is coarse any more.
    const coarse = kindOf([1.5, 1.5, 10], { spacing: [4, 4, 10] });
    expect([coarse.intensity, coarse.slices]).toEqual([
      { ...local, sliceAxis: 2 },
      { axis: 2, parts: 1 },
    ]);
    expect(kindOf([1.5, 1.5, 10], {}, [ctLike]).intensity.kind).toBe('window');
  });

  it('leaves left and right as they are in stacks of slices where a label lies to the same side of another in every case', () => {
    const [aside, varying] = [
      [30, 34, 31],
      [30, -20, 31],
    ];
    const of = (offsets: readonly number[], spacing: Triple = [1.5, 1.5, 10], more: object = {}) =>
      makeTrainingPlan(
        fingerprintDataset(
          offsets.map((mm) =>
            look([216, 256, 10], spacing, { labelVoxels: { 1: 9, 2: 9, 3: 9 }, labelPlaces: { 1: 100, 2: 101, 3: 100 + mm } }),
          ),
        ),
        { ...always, ...more },
      );
    expect(of(aside).oneSided).toBe(true);
    const network = { variant: 'small', labelSet: { labels: [] }, classToLabel: [0], architecture: variant('small', 2) };
    expect([cardOf(network, of(aside)).oneSided, 'oneSided' in cardOf(network, of(varying))]).toEqual([true, false]);
    // Too few cases, another side, cubes, the paper's recipe, and cases of which nobody knows.
    for (const plan of [of(aside.slice(0, 2)), of(varying), of(aside, [2, 2, 2]), of(aside, [1.5, 1.5, 10], { recipe: 'paper' })])
      expect('oneSided' in plan).toBe(false);
    expect(fingerprintDataset([1, 2, 3].map(() => look([9, 9, 9], [1, 1, 1]))).oneSided).toBe(false);
    const labelSet = { labels: [{ value: 1, name: 'RV', color: '#ff0000', locked: false }] };
    expect([mirrorAxesFor(labelSet), mirrorAxesFor(labelSet, { oneSided: true })]).toEqual([[0], []]);
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
    const [ct] = fingerprintDataset([look([9, 9, 9], [1, 1, 1], { channels: [ctLike] })]).channels;
    expect(ct?.modality).toBe('CT');
    expect(chooseIntensity(ct, 'standard')).toEqual({ kind: 'window', low: -149, high: 149 });
    expect(chooseIntensity(ct, 'paper')).toEqual({ kind: 'window', low: -1000, high: 1000 });
    expect(chooseIntensity(fingerprintDataset([look([9, 9, 9], [1, 1, 1])]).channels[0], 'standard').kind).toBe('zscore');
  });

  it('has a rule for each channel: a window for a CT, a z-score for what lies on it, and says which some case lacks', () => {
    const both = look([40, 40, 40], [1, 1, 1], { channels: [ctLike, mr] });
    const names = ['CT', 'PET'];
    const zscore = { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 };
    const window = { kind: 'window', low: -149, high: 149 };
    const plan = makeTrainingPlan(fingerprintDataset([both, both]), { ...always, channels: names });
    expect(plan.intensity).toEqual(window);
    expect(plan.channels).toEqual([
      { name: 'CT', intensity: window },
      { name: 'PET', intensity: zscore },
    ]);
    const lacking = fingerprintDataset([both, { ...both, channels: [ctLike, null] }]);
    expect(makeTrainingPlan(lacking, { ...always, channels: names }).channels?.[1]).toEqual({
      name: 'PET',
      intensity: zscore,
      optional: true,
    });
    expect(makeTrainingPlan(fingerprintDataset([both]), always).channels).toBeUndefined();
  });
});

describe('the loss', () => {
  const labelled = (labelVoxels: Record<number, number>): CaseFingerprint => look([100, 100, 10], [1, 1, 1], { labelVoxels });
  const weightsOf = (
    shares: readonly CaseFingerprint[],
    classToLabel: readonly number[],
    weighting?: Partial<ClassWeighting>,
  ): readonly number[] => {
    const rule = chooseLoss('weighted', classSharesOf(fingerprintDataset(shares), classToLabel), weighting);
    return rule.name === 'weighted' ? rule.classWeights : [];
  };

  it('weighs each class by 1/√share over all cases, 1 on average over the voxels', () => {
    // Shares .6, .36, .04 of two cases of 100,000 voxels; labels 7 and 3 are classes 1 and 2.
    const weights = weightsOf([labelled({ 7: 52_000, 3: 8000 }), labelled({ 7: 20_000 })], [0, 7, 3]);
    const mean = Math.sqrt(0.6) + Math.sqrt(0.36) + Math.sqrt(0.04);
    [1 / Math.sqrt(0.6), 1 / 0.6, 1 / 0.2].forEach((weight, index) => {
      expect(weights[index]).toBeCloseTo(weight / mean, 3);
    });
  });

  it('bounds what a tiny or missing class counts', () => {
    const [background = 0, tiny = 0, missing = 0] = weightsOf([labelled({ 1: 1 })], [0, 1, 2]);
    expect(tiny / background).toBeCloseTo(100, 1);
    expect(missing).toBe(tiny);
  });

  it('weighs by another power of the share, and no class by more than the limit, still 1 on average', () => {
    const shares = [0.6, 0.36, 0.04];
    const cases = [labelled({ 7: 52_000, 3: 8000 }), labelled({ 7: 20_000 })];
    const mean = (weights: readonly number[]): number => weights.reduce((sum, weight, index) => sum + weight * (shares[index] ?? 0), 0);
    const mild = weightsOf(cases, [0, 7, 3], { classWeightPower: 0.25 });
    expect(mean(mild)).toBeCloseTo(1, 3);
    expect((mild[2] ?? 0) / (mild[0] ?? 1)).toBeCloseTo((0.6 / 0.04) ** 0.25, 2);
    expect(weightsOf(cases, [0, 7, 3], { classWeightPower: 0 })).toEqual([1, 1, 1]);
    const bounded = weightsOf(cases, [0, 7, 3], { classWeightLimit: 2 });
    expect(mean(bounded)).toBeCloseTo(1, 3);
    expect((bounded[2] ?? 0) / (bounded[0] ?? 1)).toBeCloseTo(2 / (1 / Math.sqrt(0.6) / (Math.sqrt(0.6) + 0.6 + 0.2)), 2);
  });

  it('is the paper’s by name', () => {
    expect(chooseLoss('paper', [0.9, 0.1])).toEqual({ name: 'paper' });
  });
});

describe('fingerprintCase', () => {
  const grid = { size: [4, 3, 2], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0] } as const;
  const image = { grid, data: Int16Array.from({ length: 24 }, (_, at) => at) };
  const labels = { grid, data: new Uint8Array(24) };

  it('collects sizes, spacing, labels and intensities under them', () => {
    labels.data.set([1, 1, 5], 10);
    const fingerprint = fingerprintCase(grid, [{ volume: image, modality: 'unknown' }], labels, [1, 5]);
    expect(fingerprint).toMatchObject({ size: [4, 3, 2], spacing: [1, 1, 2], labelVoxels: { 1: 2, 5: 1 }, channels: [{ minimum: 0 }] });
    expect([...(fingerprint.channels[0]?.foreground ?? [])]).toEqual([10, 11, 12]);
  });

  it('says how far from the left each label lies, however the voxels are stored', () => {
    const places = (affine: Grid['affine'], at: number): Readonly<Record<number, number>> | undefined => {
      const stored = { grid: { ...grid, affine }, data: new Uint8Array(24) };
      stored.data.set([5], at);
      return fingerprintCase(stored.grid, [{ volume: { ...image, grid: stored.grid }, modality: 'MR' }], stored, [5]).labelPlaces;
    };
    // Four voxels of 3 mm from left to right, of which it is the second; from right to left; and along the third axis, of two voxels.
    expect(places([-3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0], 1 + 4)).toEqual({ 5: 3 });
    expect(places([3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0], 1 + 4)).toEqual({ 5: 6 });
    expect(places([0, 0, -2, 0, 0, 1, 0, 0, 3, 0, 0, 0], 1 + 4 + 12)).toEqual({ 5: 2 });
  });

  it('counts what nobody marked apart: no label, no intensity and no share comes from it', () => {
    labels.data.fill(9).set([0, 0, 1, 1, 1, 5], 10);
    const fingerprint = fingerprintCase(grid, [{ volume: image, modality: 'MR' }], labels, [1, 5], 9);
    expect(fingerprint).toMatchObject({ labelVoxels: { 1: 3, 5: 1 }, ignoredVoxels: 18 });
    expect([...(fingerprint.channels[0]?.foreground ?? [])]).toEqual([12, 13, 14, 15]);
    const all = fingerprintDataset([fingerprint]);
    expect(all.labelShare).toEqual({ 1: 0.5, 5: 1 / 6 });
    expect(all.markedShare).toBe(0.25);
    expect(() => fingerprintCase(grid, [{ volume: image, modality: 'MR' }], labels, [1, 5])).toThrow(/value 9/);
  });

  it('refuses a label outside the set, another grid and values that are not numbers', () => {
    labels.data.fill(0).set([3], 0);
    expect(() => fingerprintCase(grid, [{ volume: image, modality: 'MR' }], labels, [1, 2])).toThrow(/value 3/);
    labels.data.fill(0);
    const elsewhere = { grid: { ...grid, affine: [1, 0, 0, 9, 0, 1, 0, 0, 0, 0, 2, 0] as const }, data: labels.data };
    expect(() => fingerprintCase(grid, [{ volume: image, modality: 'MR' }], elsewhere, [1])).toThrow(/same grid/);
    expect(() => fingerprintCase(grid, [{ volume: { grid, data: new Float32Array(24).fill(NaN) }, modality: 'MR' }], labels, [1])).toThrow(
      /not numbers/,
    );
  });
});
