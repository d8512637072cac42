import { Random } from '#shared/base/random.ts';
import { Coverage, novelty, typicality } from './coverage.ts';
import type { CaseProfile } from './coverage.ts';

export type Strategy = 'suggested' | 'uncertainty' | 'diversity' | 'random';

/** A case that could be labelled next. */
export interface Candidate {
  readonly id: string;
  /** Mean uncertainty in the prediction's foreground, 0..1; null where nothing was predicted. */
  readonly uncertainty: number | null;
  /** null where it was not clustered. */
  readonly profile: CaseProfile | null;
}

export interface RankedCase {
  readonly id: string;
  /** 1 is next. */
  readonly rank: number;
  readonly reason: string;
}

export interface RankingRequest {
  readonly candidates: readonly Candidate[];
  /** Profiles of the accepted cases. */
  readonly accepted: readonly CaseProfile[];
  readonly strategy: Strategy;
  readonly seed: number;
}

/** As many places are given one by one, each seeing those before it as if they were accepted; the rest follow by their score. */
const GREEDY_PLACES = 50;

/**
 * The order in which to label. "suggested" weighs uncertainty and diversity alike, each by rank among the candidates, so that neither
 * scale matters; without predictions or clusters it uses what there is. With nothing accepted yet, the most typical case comes first.
 */
export function rankCases({ candidates, accepted, strategy, seed }: RankingRequest): RankedCase[] {
  const all = new Coverage([...accepted, ...candidates.flatMap(({ profile }) => (profile === null ? [] : [profile]))]);
  const covered = new Coverage(accepted);
  const order = new Random(seed).shuffle([...candidates].sort((a, b) => (a.id < b.id ? -1 : 1)));
  if (strategy === 'random') return order.map(({ id }, index) => ({ id, rank: index + 1, reason: 'Drawn at random.' }));
  const left = [...order];
  const ranked: RankedCase[] = [];
  const sureness = ranks(order, ({ uncertainty }) => uncertainty);
  while (left.length > 0) {
    const fresh = new Map(left.map((each) => [each, freshness(each, covered, all)]));
    const newness = ranks(left, (each) => fresh.get(each) ?? null);
    const score = (each: Candidate): number => {
      const [u, n] = [sureness.get(each), newness.get(each)];
      if (strategy === 'uncertainty') return u ?? -1;
      if (strategy === 'diversity') return n ?? -1;
      const known = [u, n].filter((value) => value !== undefined);
      return known.length === 0 ? -1 : known.reduce((sum, value) => sum + value, 0) / known.length;
    };
    const greedy = ranked.length < GREEDY_PLACES && strategy !== 'uncertainty';
    const next = [...left].sort((a, b) => score(b) - score(a)).slice(0, greedy ? 1 : left.length);
    for (const each of next) {
      ranked.push({ id: each.id, rank: ranked.length + 1, reason: reason(each, strategy, sureness.get(each), fresh.get(each) ?? null, covered.empty) });
      left.splice(left.indexOf(each), 1);
      if (each.profile !== null) covered.add(each.profile);
    }
  }
  return ranked;
}

function freshness({ profile }: Candidate, covered: Coverage, all: Coverage): number | null {
  if (profile === null) return null;
  return covered.empty ? typicality(profile, all) : novelty(profile, covered, all);
}

/** Each candidate's place by a value, 0 (lowest) to 1; those without a value are left out. */
function ranks(candidates: readonly Candidate[], value: (each: Candidate) => number | null): Map<Candidate, number> {
  const known = candidates.filter((each) => value(each) !== null).sort((a, b) => (value(a) ?? 0) - (value(b) ?? 0));
  return new Map(known.map((each, place) => [each, known.length === 1 ? 1 : place / (known.length - 1)]));
}

function reason({ uncertainty }: Candidate, strategy: Strategy, sureness: number | undefined, fresh: number | null, first: boolean): string {
  const parts: string[] = [];
  if (strategy !== 'diversity' && uncertainty !== null && sureness !== undefined) {
    const place = sureness >= 1 ? 'more unsure of it than of any other' : `more unsure of it than of ${Math.round(100 * sureness)}% of the others`;
    parts.push(`the model is ${place} (mean uncertainty ${uncertainty.toFixed(2)})`);
  }
  if (strategy !== 'uncertainty' && fresh !== null) {
    parts.push(first ? 'it is typical of the scans here' : `${Math.round(100 * fresh)}% of what it shows is not yet covered by accepted cases`);
  }
  if (parts.length === 0) return 'Nothing is known about it yet.';
  const text = parts.join(', and ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
