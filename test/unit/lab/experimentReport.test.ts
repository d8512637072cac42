import { describe, expect, it } from 'vitest';
import { plot, spread } from '#main/lab/experimentPlot.ts';
import { gainText, reportTrials, summariseTrials, type TrialRow } from '#main/lab/experimentReport.ts';

const row = (arm: string, seed: number, meanDice: number, labelled = 5): TrialRow => ({
  arm,
  seed,
  labelled,
  meanDice,
  dice: { Liver: meanDice },
  steps: 10,
  seconds: 1,
});

describe('the report of an experiment', () => {
  it('gives mean, sample deviation and the gain paired by seed', () => {
    const [base, other] = summariseTrials([
      row('scratch', 0, 0.5),
      row('scratch', 1, 0.7),
      row('pre-trained', 0, 0.52),
      row('pre-trained', 1, 0.74),
      row('pre-trained', 2, 0.9),
    ]);
    expect(base).toMatchObject({ arm: 'scratch', seeds: 2, gain: null });
    expect(base?.mean).toBeCloseTo(0.6);
    expect(base?.deviation).toBeCloseTo(Math.SQRT2 * 0.1);
    // Seeds differ by 0.2, the gain by 0.02; the third seed has nothing to pair with.
    expect(other?.gain).toMatchObject({ seeds: 2 });
    expect(gainText(other?.gain ?? null)).toBe('+3.0 ± 1.4');
    expect(gainText({ mean: -0.004, deviation: null, seeds: 1 })).toBe('-0.4');
    expect(spread([0.3])).toEqual({ mean: 0.3, deviation: null });
  });

  it('lays arms side by side, or as lines over labelled cases', () => {
    const single = reportTrials('x', [], [row('a', 0, 0.5), row('b', 0, 0.6)]);
    expect(single.charts[0]).toMatchObject({
      places: ['a', 'b'],
      series: [{ points: [{ place: 'a', values: [0.5] }] }, { points: [{ place: 'b', values: [0.6] }] }],
    });
    const lines = reportTrials('x', [], [row('a', 0, 0.5, 4), row('a', 0, 0.6, 10), row('a', 1, 0.55, 4)]);
    expect(lines.charts[0]).toMatchObject({
      along: 'labelled cases',
      places: ['4', '10'],
      series: [
        {
          name: 'a',
          points: [
            { place: '4', values: [0.5, 0.55] },
            { place: '10', values: [0.6] },
          ],
        },
      ],
    });
    expect(lines.rows.map((cells) => cells.slice(0, 4))).toEqual([
      ['a', '4', '2', '0.5250 ± 0.0354'],
      ['a', '10', '1', '0.6000'],
    ]);
  });
});

describe('a chart', () => {
  it('draws each value inside the frame, on a scale of round numbers', () => {
    const svg = plot([
      {
        title: 'Dice & co',
        measure: 'Dice',
        places: ['1', '2'],
        most: 1,
        series: [
          {
            name: 'a<b',
            points: [
              { place: '1', values: [0.81, 0.83] },
              { place: '2', values: [0.97] },
            ],
          },
        ],
      },
    ]);
    expect(svg).toContain('Dice &#38; co');
    expect(svg).toContain('a&#60;b');
    const heights = [...svg.matchAll(/cy="([\d.]+)"/g)].map((match) => Number(match[1]));
    expect(heights).toHaveLength(3);
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(44);
    expect(Math.max(...heights)).toBeLessThanOrEqual(356);
    expect(heights[2]).toBeLessThan(heights[0] ?? 0);
    expect([...svg.matchAll(/text-anchor="end">([\d.]+)</g)].map((match) => match[1])).toEqual(['0.80', '0.85', '0.90', '0.95', '1.00']);
    expect(svg.match(/<polyline/g)).toHaveLength(1);
  });

  it('bears values that are all the same, and none', () => {
    for (const values of [[0.5, 0.5], [0], []]) {
      const svg = plot([{ title: '', measure: '', places: ['1'], series: [{ name: 'a', points: [{ place: '1', values }] }] }]);
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });
});
