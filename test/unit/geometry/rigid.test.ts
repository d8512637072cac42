import { describe, expect, it } from 'vitest';
import { applyAffine, identityAffine } from '#shared/geometry/affine.ts';
import { requireRigid, rigidAbout, rigidParts } from '#shared/geometry/rigid.ts';

const centre = [10, -20, 30] as const;

describe('a turn about a point and a shift', () => {
  it('leaves the point where it is but for the shift, and turns what is beside it', () => {
    const quarter = rigidAbout(centre, { turn: [0, 0, 90], shift: [1, 2, 3] });
    expect(applyAffine(quarter, centre).map((value) => Math.round(value * 1e9) / 1e9)).toEqual([11, -18, 33]);
    expect(applyAffine(quarter, [11, -20, 30]).map((value) => Math.round(value * 1e9) / 1e9)).toEqual([11, -17, 33]);
  });

  it('is read back as it was set', () => {
    const parts = { turn: [12, -34, 56], shift: [1.5, -2.5, 30] } as const;
    const read = rigidParts(centre, rigidAbout(centre, parts));
    for (const key of ['turn', 'shift'] as const) read[key].forEach((value, n) => expect(value).toBeCloseTo(parts[key][n] ?? NaN, 9));
    expect(rigidParts(centre, null)).toEqual({ turn: [0, 0, 0], shift: [0, 0, 0] });
  });

  it('neither stretches nor mirrors', () => {
    requireRigid(rigidAbout(centre, { turn: [1, 2, 3], shift: [4, 5, 6] }));
    for (const map of [
      [2, ...identityAffine.slice(1)],
      [-1, ...identityAffine.slice(1)],
      [1, 0.1, ...identityAffine.slice(2)],
      [NaN, ...identityAffine.slice(1)],
    ])
      expect(() => {
        requireRigid(map as unknown as typeof identityAffine);
      }).toThrow(/turn and a shift/);
  });
});
