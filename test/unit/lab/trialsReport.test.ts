import { expect, it } from 'vitest';
import { intervalText, summariseTrials, type TrialRow } from '#main/lab/experimentReport.ts';

const row = (arm: string, seed: number, dice: Readonly<Record<string, number>>): TrialRow => ({
  arm,
  seed,
  labelled: 2,
  meanDice: Object.values(dice).reduce((sum, value) => sum + value, 0) / Object.keys(dice).length,
  dice: {},
  cases: Object.entries(dice).map(([name, value]) => ({ name, dice: { organ: value, missing: null } })),
  steps: 1,
  seconds: 1,
});

it('pairs arms by seed, and the interval goes over patients: their cases and the seeds are averaged first', () => {
  const rows = [
    row('standard', 0, { p1_frame01: 0.5, p1_frame02: 0.5, p2_frame01: 0.6 }),
    row('standard', 1, { p1_frame01: 0.5, p1_frame02: 0.5, p2_frame01: 0.6 }),
    row('other', 0, { p1_frame01: 0.6, p1_frame02: 0.6, p2_frame01: 0.9 }),
    row('other', 1, { p1_frame01: 0.6, p1_frame02: 0.6, p2_frame01: 0.7 }),
  ];
  const [first, other] = summariseTrials(rows);
  expect([first?.gain, first?.overPatients]).toEqual([null, null]);
  // p1 gains .1 in both seeds, p2 .3 and .1: .2 on average. Two patients: the interval reaches from one to the other.
  expect(other?.overPatients?.mean).toBeCloseTo(0.15, 9);
  expect(other?.overPatients?.low).toBeCloseTo(0.1, 9);
  expect(other?.overPatients?.high).toBeCloseTo(0.2, 9);
  expect(intervalText(other?.overPatients ?? null)).toBe('+10.0 to +20.0');
});
