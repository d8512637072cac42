import { describe, expect, it } from 'vitest';
import { Coverage, profileOf } from '#main/ranking/coverage.ts';
import { rankCases } from '#main/ranking/rankCases.ts';
import type { Candidate } from '#main/ranking/rankCases.ts';

/** One clusterer; the case's slices lie in the given clusters. */
const profile = (...clusters: number[]) => profileOf(Uint16Array.from(clusters), 1);
const candidate = (id: string, uncertainty: number | null, ...clusters: number[]): Candidate => ({
  id,
  uncertainty,
  profile: clusters.length === 0 ? null : profile(...clusters),
});
const order = (ranked: { id: string }[]): string => ranked.map(({ id }) => id).join('');

describe('coverage', () => {
  it('counts slices per clusterer', () => {
    const { slices, counts } = profileOf(Uint16Array.of(0, 7, 0, 8, 1, 7), 2);
    expect(slices).toBe(3);
    expect(counts).toEqual([
      new Map([
        [0, 2],
        [1, 1],
      ]),
      new Map([
        [7, 2],
        [8, 1],
      ]),
    ]);
  });

  it('reaches as much of what all show as the shares of their clusters agree', () => {
    const all = [profile(0, 0), profile(1, 1), profile(2, 2), profile(2, 2)];
    const coverage = new Coverage(all);
    expect([coverage.empty, coverage.reach]).toEqual([true, 0]);
    expect(all.map((each) => coverage.reachWith(each))).toEqual([0.25, 0.25, 0.5, 0.5]);
    coverage.add(profile(2, 2));
    expect(coverage.reach).toBe(0.5);
    expect([profile(2, 2), profile(0, 0), profile(0, 1)].map((each) => coverage.reachWith(each))).toEqual([0.5, 0.75, 1]);
    // A longer scan weighs as much as it has slices.
    expect(coverage.reachWith(profile(0, 0, 1, 1, 3, 3))).toBe(0.75);
    const two = new Coverage([profileOf(Uint16Array.of(0, 5, 1, 5), 2)]);
    expect(two.reachWith(profileOf(Uint16Array.of(0, 5), 2))).toBe(0.75);
  });
});

describe('the next case', () => {
  const candidates = [candidate('a', 0.1, 0, 0), candidate('b', 0.9, 0, 0), candidate('c', 0.5, 1, 1), candidate('d', 0.4, 2, 2)];

  it('follows each single strategy', () => {
    const accepted = [profile(0, 0)];
    expect(order(rankCases({ candidates, accepted, strategy: 'uncertainty', seed: 1 }))).toBe('bcda');
    // First what nothing accepted is like, then more of what most are like.
    expect(order(rankCases({ candidates, accepted, strategy: 'diversity', seed: 1 }))).toMatch(/^[cd][ab][cd]/);
    const random = new Set([1, 2, 3, 4, 5, 6].map((seed) => order(rankCases({ candidates, accepted, strategy: 'random', seed }))));
    expect(random.size).toBeGreaterThan(2);
  });

  it('weighs both once many are accepted, and sees what it has already proposed', () => {
    // c and e look alike: once c is proposed, e is no longer new, although it is the second most unsure.
    const unlike = [candidate('c', 0.9, 1, 1), candidate('e', 0.8, 1, 1), candidate('d', 0.7, 2, 2), candidate('a', 0.1, 0, 0)];
    const ranked = rankCases({
      candidates: unlike,
      accepted: Array.from({ length: 20 }, () => profile(0, 0)),
      strategy: 'suggested',
      seed: 1,
    });
    expect(order(ranked).slice(0, 2)).toBe('cd');
    expect(ranked.map(({ rank }) => rank)).toEqual([1, 2, 3, 4]);
    expect(ranked[0]?.reason).toMatch(
      /^The model is more unsure of it than of any other \(mean uncertainty 0\.90\), and with it, \d+% instead of \d+% of what the scans show is covered\.$/,
    );
  });

  it('does not ask a model of few cases what it is unsure of', () => {
    const few = [
      candidate('odd', 0.9, 9, 9),
      candidate('common', 0.1, 1, 1),
      candidate('common too', 0.2, 1, 1),
      candidate('known', 0.8, 0, 0),
    ];
    const ranked = (accepted: number) =>
      rankCases({ candidates: few, accepted: Array.from({ length: accepted }, () => profile(0, 0)), strategy: 'suggested', seed: 1 });
    expect(ranked(3)[0]).toMatchObject({
      id: expect.stringContaining('common') as string,
      reason: expect.stringMatching(/^With it, \d+% instead of \d+% of what the scans show is covered\.$/) as string,
    });
    expect(ranked(20)[0]?.id).toBe('odd');
    // Without clusters there is nothing else to ask.
    expect(
      rankCases({ candidates: [candidate('sure', 0.1), candidate('unsure', 0.9)], accepted: [], strategy: 'suggested', seed: 1 })[0],
    ).toMatchObject({ id: 'unsure', reason: expect.stringContaining('more unsure') as string });
  });

  it('begins with what is typical, and bears knowing nothing', () => {
    const typical = rankCases({
      candidates: [candidate('x', null, 5, 6), candidate('y', null, 0, 0), candidate('z', null, 0, 1)],
      accepted: [],
      strategy: 'suggested',
      seed: 3,
    });
    expect(typical[0]).toMatchObject({ id: 'z', reason: 'It is typical of the scans here.' });
    expect(rankCases({ candidates: [candidate('x', null)], accepted: [], strategy: 'suggested', seed: 3 })[0]?.reason).toBe(
      'Nothing is known about it yet.',
    );
    expect(rankCases({ candidates: [], accepted: [], strategy: 'suggested', seed: 3 })).toEqual([]);
  });
});
