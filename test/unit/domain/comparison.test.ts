import { describe, expect, it } from 'vitest';
import { bootstrapMean, compareModels } from '#shared/domain/comparison.ts';
import type { CaseMetrics } from '#shared/domain/comparison.ts';

const cases = (...dice: (number | null)[][]): CaseMetrics[] =>
  dice.map((row, index) => ({
    caseId: `c${index}`,
    metrics: row.map((value, label) => ({
      label: label + 1,
      dice: value,
      hd95: value === null ? null : 10 * (1 - value),
      truthMillilitres: 1,
      predictionMillilitres: 1,
      volumeError: 0,
    })),
  }));
const labelNames = new Map([
  [1, 'liver'],
  [2, 'spleen'],
]);
const compare = (before: CaseMetrics[] | null, after: CaseMetrics[]) =>
  compareModels({ beforeModelId: before && 'old', afterModelId: 'new', before, after, labelNames });

describe('the bootstrap', () => {
  it('holds the true mean about 95 times in 100', () => {
    // Means of 20 draws from {0, 1} with p = 0.5, by a fixed pattern of seeds.
    let held = 0;
    for (let trial = 0; trial < 200; trial++) {
      const values = Array.from({ length: 20 }, (_, index) => Math.imul(trial * 20 + index + 1, 0x9e3779b1) >>> 31);
      const interval = bootstrapMean(values, trial);
      if (interval !== null && interval.low <= 0.5 && interval.high >= 0.5) held++;
    }
    expect(held).toBeGreaterThan(175);
    expect(bootstrapMean([])).toBeNull();
  });
});

describe('before and after', () => {
  it('proposes a clear gain, with its interval', () => {
    const result = compare(cases([0.8, 0.7], [0.82, 0.72], [0.78, 0.74]), cases([0.85, 0.75], [0.88, 0.78], [0.84, 0.79]));
    expect(result.promotionProposed).toBe(true);
    expect(result.verdict).toMatch(/^Gain of 5\.5 points of mean Dice \(95% interval over cases: \d/);
    expect(result.labels[0]).toMatchObject({
      label: 'liver',
      diceBefore: expect.closeTo(0.8),
      diceAfter: expect.closeTo(0.8567, 3),
      hd95Before: expect.closeTo(2),
    });
    expect(result.labels[0]?.difference?.low).toBeGreaterThan(0);
  });

  it('says of a first model what it does not find yet, as there is none that it could replace', () => {
    const result = compare(null, cases([0.01, 0.8], [0.02, 0.7]));
    expect(result.promotionProposed).toBe(false);
    expect(result.verdict).toMatch(/^The first model does not find "liver" yet/);
  });

  it('says "no gain" when the mean fell or stayed', () => {
    expect(compare(cases([0.8, 0.8]), cases([0.7, 0.8])).verdict).toMatch(/^No gain: the mean Dice fell by 5\.0 points/);
    expect(compare(cases([0.8, 0.8]), cases([0.8, 0.8]))).toMatchObject({
      promotionProposed: false,
      verdict: expect.stringMatching(/^No gain: the mean Dice is the same/),
    });
  });

  it('does not propose a better mean that one label pays for', () => {
    const result = compare(cases([0.6, 0.8]), cases([0.9, 0.75]));
    expect(result).toMatchObject({ promotionProposed: false, verdict: expect.stringContaining('"spleen" lost 5.0 points') });
    expect(compare(cases([0.6, 0.8]), cases([0.9, 0.79])).promotionProposed).toBe(true); // within the margin
  });

  it('blocks a class that collapsed, in a first model too', () => {
    expect(compare(cases([0.5, 0.5]), cases([0.99, 0.01]))).toMatchObject({
      promotionProposed: false,
      verdict: expect.stringContaining('"spleen"'),
    });
    expect(compare(null, cases([0.9, 0]))).toMatchObject({ promotionProposed: false });
    // What the model in use does not find either does not keep a better one out.
    expect(compare(cases([0.5, 0.01], [0.5, 0]), cases([0.7, 0.02], [0.7, 0]))).toMatchObject({
      promotionProposed: true,
      verdict: expect.stringContaining('Still not found: "spleen".'),
    });
    expect(compare(cases([0.5, 0.06]), cases([0.9, 0.04])).promotionProposed).toBe(false);
    expect(compare(null, cases([0.9, 0.8]))).toMatchObject({ promotionProposed: true, meanBefore: null });
  });

  it('says "not measured" where no case is held out, and proposes nothing', () => {
    expect(compare([], [])).toMatchObject({ promotionProposed: false, verdict: expect.stringMatching(/^Not measured/) });
  });

  it('leaves labels out that no case holds, and says when a gain may be chance', () => {
    expect(compare(cases([0.8, null]), cases([0.9, null]))).toMatchObject({ meanAfter: 0.9, promotionProposed: true });
    expect(compare(cases([0.8, 0.8], [0.8, 0.8]), cases([0.9, 0.9], [0.75, 0.75])).verdict).toContain('chance');
    // One case has no interval.
    expect(compare(cases([0.8, 0.8]), cases([0.9, 0.9])).verdict).toBe(
      'Gain of 10.0 points of mean Dice. With so few cases (1) this may be chance.',
    );
    expect(compare(null, cases([null, null])).promotionProposed).toBe(false);
  });
});
