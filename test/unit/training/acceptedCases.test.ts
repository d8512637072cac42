import { describe, expect, it } from 'vitest';
import { acceptedCases, looksOf, type Look } from '#main/training/prompts/acceptedCases.ts';
import { gridOf, phantom, type Ball } from '../prompts/phantom.ts';

const side = 16;
const grid = gridOf([40, 36, 12], [1, 1, 3]);
const large: Ball = { centre: [12, 14, 16], radii: [8, 7, 10], value: 200 };
const [left, right]: [Ball, Ball] = [
  { centre: [29, 8, 12], radii: [4, 4, 6], value: 40 },
  { centre: [30, 28, 20], radii: [3, 3, 6], value: 40 },
];

function looks(): Look[] {
  const { image, truth } = phantom(grid, [large, left, right]);
  const [one, two, three] = [truth(large), truth(left), truth(right)];
  const mask = { grid, data: one.map((value, at) => (two[at] === 1 || three[at] === 1 ? 2 : value)) };
  return looksOf(image, mask, [
    { name: 'Bright', values: [1] },
    { name: 'Dark', values: [2] },
    { name: 'Nowhere', values: [7] },
  ]);
}

describe('accepted cases that are pointed at', () => {
  it('looks at every structure that is there, and knows its parts', () => {
    expect(looks().map(({ structure, parts }) => [structure, parts.length])).toEqual([
      ['Bright', 1],
      ['Dark', 2],
    ]);
  });

  it('shows values and truth in one place, the same for the same draw, every structure, and generated volumes between', () => {
    const cases = acceptedCases(looks(), side, 3);
    const again = acceptedCases(looks(), side, 3);
    const kinds = { bright: 0, dark: 0, other: 0, whole: 0 };
    for (let draw = 0; draw < 120; draw++) {
      const { values, truth } = cases(draw);
      const repeated = again(draw);
      expect(repeated.values).toEqual(values);
      expect(repeated.truth).toEqual(truth);
      expect([values.length, values.every(Number.isFinite)]).toEqual([side ** 3, true]);
      const mean = (of: number): number => {
        const own = values.filter((_, at) => truth[at] === of);
        return own.reduce((sum, value) => sum + value, 0) / own.length;
      };
      if (!truth.includes(0)) kinds.whole++;
      else if (mean(1) > mean(0) + 0.25) kinds.bright++;
      else if (mean(1) < mean(0) - 0.15) kinds.dark++;
      else kinds.other++;
    }
    expect(kinds.bright).toBeGreaterThan(25);
    expect(kinds.dark).toBeGreaterThan(25);
    expect(acceptedCases(looks(), side, 4)(0).values).not.toEqual(cases(0).values);
  });
});
