import { describe, expect, it } from 'vitest';
import {
  beginsWithPrediction,
  compareLessons,
  helpsPointing,
  lessonsVerdict,
  needsFewerClicks,
  pointingVerdict,
} from '#shared/domain/pointing.ts';

const measured = { cases: 3, structures: 7, before: 8.25, after: 4, difference: { mean: -4.2, low: -6, high: -2.1 }, labels: [] };

describe('what is said of pointing that has learned', () => {
  it('takes the place of the other where fewer clicks do it, and nowhere else', () => {
    expect(needsFewerClicks(measured)).toBe(true);
    expect(pointingVerdict(measured)).toMatch(
      /fewer clicks: 8\.3 clicks .* 4\.0 after, on 7 structures of 3 held-out cases .*-6\.0 to -2\.1/,
    );
    for (const after of [8.25, 11]) {
      expect(needsFewerClicks({ ...measured, after })).toBe(false);
      expect(pointingVerdict({ ...measured, after, difference: null })).toMatch(/no fewer clicks.*stays in use/);
    }
    expect(needsFewerClicks(null)).toBe(false);
    expect(pointingVerdict(null)).toMatch(/not measured/);
  });

  it('uses what accepted cases taught of a structure only where it finds more of it', () => {
    const liver = { label: 'Liver', structures: 4, without: 0.61, withIt: 0.783, first: 0.7 };
    expect(lessonsVerdict([])).toBe('');
    expect(helpsPointing(liver)).toBe(true);
    for (const withIt of [0.61, 0.2]) {
      expect(helpsPointing({ ...liver, withIt })).toBe(false);
      expect(lessonsVerdict([{ ...liver, withIt }])).toMatch(/helps with none of them, and is not used/);
    }
    expect(lessonsVerdict([liver, { ...liver, label: 'Spleen', withIt: 0.5 }])).toMatch(/held-out cases: Liver \(\.61 → \.78\)\.$/);
  });

  it('compares by label over ten clicks, where the last of fewer stays', () => {
    const rows = [
      { label: 'Liver', without: [0.2, 0.7, ...Array<number>(8).fill(0.8)], withIt: [0.5, 0.9] },
      { label: 'Spleen', without: [0.4], withIt: [0.1, 0.6] },
      { label: 'Liver', without: [0.9], withIt: [0.7, 0.9] },
    ];
    const close = (value: number): unknown => expect.closeTo(value, 10);
    expect(compareLessons(rows)).toEqual([
      { label: 'Liver', structures: 2, without: close((0.73 + 0.9) / 2), withIt: close((0.86 + 0.88) / 2), first: close(0.6) },
      { label: 'Spleen', structures: 1, without: close(0.4), withIt: close(0.55), first: close(0.1) },
    ]);
  });

  it('begins with a prediction that finds half of a label, and no less than a first click does by what was taught', () => {
    expect([0.49, 0.5].map((dice) => beginsWithPrediction(dice))).toEqual([false, true]);
    expect([0.3, 0.7].map((first) => beginsWithPrediction(0.6, first))).toEqual([true, false]);
    expect(beginsWithPrediction(0.4, 0.2)).toBe(false);
  });
});
