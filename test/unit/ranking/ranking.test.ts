import { describe, expect, it } from 'vitest';
import { Coverage, novelty, profileOf, typicality } from '#main/ranking/coverage.ts';
import { rankCases } from '#main/ranking/rankCases.ts';
import type { Candidate } from '#main/ranking/rankCases.ts';

/** One clusterer; the case's slices lie in the given clusters. */
const profile = (...clusters: number[]) => profileOf(Uint16Array.from(clusters), 1);
const candidate = (id: string, uncertainty: number | null, ...clusters: number[]): Candidate => ({ id, uncertainty, profile: clusters.length === 0 ? null : profile(...clusters) });
const order = (ranked: { id: string }[]): string => ranked.map(({ id }) => id).join('');

describe('coverage', () => {
  it('counts slices per clusterer', () => {
    const { slices, counts } = profileOf(Uint16Array.of(0, 7, 0, 8, 1, 7), 2);
    expect(slices).toBe(3);
    expect(counts).toEqual([new Map([[0, 2], [1, 1]]), new Map([[7, 2], [8, 1]])]);
  });

  it('calls new what accepted cases cover less than all cases do', () => {
    const all = new Coverage([profile(0, 0), profile(1, 1)]);
    const accepted = new Coverage([profile(0, 0)]);
    expect(novelty(profile(0, 0), accepted, all)).toBe(0);
    expect(novelty(profile(1, 1), accepted, all)).toBe(1);
    expect(novelty(profile(0, 1), accepted, all)).toBe(0.5);
    expect(typicality(profile(0, 0), new Coverage([profile(0, 0, 0, 1)]))).toBe(0.75);
  });
});

describe('the next case', () => {
  const candidates = [candidate('a', 0.1, 0, 0), candidate('b', 0.9, 0, 0), candidate('c', 0.5, 1, 1), candidate('d', 0.4, 2, 2)];

  it('follows each single strategy', () => {
    const accepted = [profile(0, 0)];
    expect(order(rankCases({ candidates, accepted, strategy: 'uncertainty', seed: 1 }))).toBe('bcda');
    expect(order(rankCases({ candidates, accepted, strategy: 'diversity', seed: 1 })).slice(0, 2).split('').sort().join('')).toBe('cd');
    const random = new Set([1, 2, 3, 4, 5, 6].map((seed) => order(rankCases({ candidates, accepted, strategy: 'random', seed }))));
    expect(random.size).toBeGreaterThan(2);
  });

  it('weighs both, and sees what it has already proposed', () => {
    // c and e look alike: once c is proposed, e is no longer new, although it is the second most unsure.
    const ranked = rankCases({
      candidates: [candidate('c', 0.9, 1, 1), candidate('e', 0.8, 1, 1), candidate('d', 0.7, 2, 2), candidate('a', 0.1, 0, 0)],
      accepted: [profile(0, 0)], strategy: 'suggested', seed: 1,
    });
    expect(order(ranked).slice(0, 2)).toBe('cd');
    expect(ranked.map(({ rank }) => rank)).toEqual([1, 2, 3, 4]);
  });

  it('gives its reason in a sentence', () => {
    const [first] = rankCases({ candidates, accepted: [profile(0, 0)], strategy: 'suggested', seed: 1 });
    expect(first?.reason).toMatch(/^The model is more unsure of it than of .*, and \d+% of what it shows is not yet covered by accepted cases\.$/);
  });

  it('begins with what is typical, and bears knowing nothing', () => {
    const typical = rankCases({ candidates: [candidate('x', null, 5, 6), candidate('y', null, 0, 0), candidate('z', null, 0, 1)], accepted: [], strategy: 'suggested', seed: 3 });
    expect(typical[0]).toMatchObject({ id: 'y', reason: 'It is typical of the scans here.' });
    expect(rankCases({ candidates: [candidate('x', null)], accepted: [], strategy: 'suggested', seed: 3 })[0]?.reason).toBe('Nothing is known about it yet.');
    expect(rankCases({ candidates: [], accepted: [], strategy: 'suggested', seed: 3 })).toEqual([]);
  });
});
