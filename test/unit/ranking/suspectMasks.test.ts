import { describe, expect, it } from 'vitest';
import { suspectMasks } from '#main/ranking/suspectMasks.ts';

describe('the second look', () => {
  const measured = (...dice: number[]) =>
    dice.map((value, index) => ({
      caseId: `c${index}`,
      metrics: [{ label: 1, dice: value, hd95: null, truthMillilitres: 1, predictionMillilitres: 1, volumeError: 0 }],
    }));
  const names = new Map([[1, 'liver']]);

  it('finds the mask that all others contradict, and only that', () => {
    const looks = suspectMasks(measured(0.91, 0.9, 0.93, 0.1, 0.92, 0.9), names);
    expect(looks).toEqual([
      { caseId: 'c3', reason: expect.stringContaining('"liver" agrees with what was learned by Dice 0.10 only, other cases by 0.9') },
    ]);
  });

  it('does not suspect anything where agreement varies anyway, or cases are few', () => {
    expect(suspectMasks(measured(0.9, 0.5, 0.7, 0.4, 0.8, 0.6, 0.3), names)).toEqual([]);
    expect(suspectMasks(measured(0.9, 0.9, 0.9, 0.1), names)).toEqual([]);
  });
});
