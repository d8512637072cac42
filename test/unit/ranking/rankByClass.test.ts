import { describe, expect, it } from 'vitest';
import { profileOf } from '#main/ranking/coverage.ts';
import { randomWithEveryClass, rankByClass, type ClassCandidate } from '#main/ranking/rankByClass.ts';
import { uncertaintyByClass } from '#main/ranking/uncertainty.ts';

const candidate = (id: string, doubts: ClassCandidate['doubts'], cluster?: number): ClassCandidate => ({
  id,
  doubts,
  profile: cluster === undefined ? null : profileOf(Uint16Array.of(cluster, cluster), 1),
});
const seeds = Array.from({ length: 20 }, (_, seed) => seed);

describe('cases by class', () => {
  /** Each class is doubted in one case; `d` in none, and a little in all. */
  const candidates = [candidate('a', [0.9, 0.1]), candidate('b', [0.1, 0.9]), candidate('c', [0.8, 0.1]), candidate('d', [0.2, 0.2])];

  it('gives each class in turn the case that is doubted most there, once many cases are accepted', () => {
    for (const seed of seeds)
      expect(new Set(rankByClass({ candidates, acceptedCases: 400, places: 3, seed }).slice(0, 2))).toEqual(new Set(['a', 'b']));
  });

  it('lets chance have its say while few are, and always chooses the same with the same seed', () => {
    const first = (seed: number) => rankByClass({ candidates, acceptedCases: 1, places: 2, seed });
    expect(new Set(seeds.map((seed) => first(seed).join(''))).size).toBeGreaterThan(3);
    expect(first(3)).toEqual(first(3));
    // A class that is predicted in none of them does not keep one from being chosen.
    expect(
      rankByClass({ candidates: [candidate('x', [null]), candidate('y', [null])], acceptedCases: 9, places: 5, seed: 1 }),
    ).toHaveLength(2);
  });

  it('takes cases of unlike clusters first', () => {
    const alike = [candidate('a', [0.9], 1), candidate('b', [0.8], 1), candidate('c', [0.1], 2), candidate('d', [0.1], 2)];
    for (const seed of seeds) {
      const chosen = rankByClass({ candidates: alike, acceptedCases: 400, places: 4, seed });
      expect(chosen[0]).toBe('a');
      expect(['c', 'd']).toContain(chosen[1]);
      expect(chosen[2]).toBe('b');
    }
  });

  it('or at random, with every class that is predicted anywhere', () => {
    const rare = [...candidates.map(({ id }) => candidate(id, [0.5, null])), candidate('e', [null, 0.5])];
    const drawn = seeds.map((seed) => randomWithEveryClass({ candidates: rare, places: 2, seed }));
    for (const ids of drawn) expect(ids).toContain('e');
    expect(new Set(drawn.flat()).size).toBe(5);
    expect(randomWithEveryClass({ candidates: rare, places: 9, seed: 1 })).toHaveLength(5);
  });

  it('doubt where a class is predicted', () => {
    expect(uncertaintyByClass([0, 1, 1, 3], [255, 51, 153, 255], 4)).toEqual([0.4, null, 1]);
  });
});
