import { Random } from '#shared/base/random.ts';
import { Coverage, type CaseProfile } from './coverage.ts';

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
 * How much of the score is uncertainty: nothing up to `from` accepted cases, half of it from `to` on. What a model of few cases is most
 * unsure of are the odd ones, and it learns more from common ones (Hacohen et al., Active Learning on a Budget, ICML 2022; docs/explanation/improve.md
 * has what was measured here).
 */
const UNCERTAINTY = { from: 10, to: 20 };

/**
 * The order in which to label. Diversity: the cases that, together with the accepted ones, show most of what all scans show; the first is
 * a typical one. "suggested" goes by it, and by uncertainty the more cases are accepted (`UNCERTAINTY`), each by rank among the candidates,
 * so that neither scale matters; without predictions or clusters it uses what there is.
 */
export function rankCases({ candidates, accepted, strategy, seed }: RankingRequest): RankedCase[] {
  const order = new Random(seed).shuffle(byId(candidates));
  if (strategy === 'random') return order.map(({ id }, index) => ({ id, rank: index + 1, reason: 'Drawn at random.' }));
  const coverage = new Coverage([...accepted, ...candidates.flatMap(({ profile }) => profile ?? [])]);
  for (const profile of accepted) coverage.add(profile);
  const weight =
    strategy === 'uncertainty'
      ? 1
      : Math.min(1, Math.max(0, (accepted.length - UNCERTAINTY.from) / (UNCERTAINTY.to - UNCERTAINTY.from))) / 2;
  const unsureness = ranks(strategy === 'diversity' ? [] : order, ({ uncertainty }) => uncertainty);
  const left = [...order];
  const ranked: RankedCase[] = [];
  while (left.length > 0) {
    const newness = ranks(strategy === 'uncertainty' ? [] : left, ({ profile }) => (profile === null ? null : coverage.reachWith(profile)));
    const score = (each: Candidate): number => {
      const [unsure, fresh] = [unsureness.get(each), newness.get(each)];
      return unsure === undefined || fresh === undefined ? (unsure ?? fresh ?? -1) : weight * unsure + (1 - weight) * fresh;
    };
    const greedy = ranked.length < GREEDY_PLACES && strategy !== 'uncertainty';
    const next = [...left].sort((a, b) => score(b) - score(a)).slice(0, greedy ? 1 : left.length);
    for (const each of next) {
      const parts = [
        ...(weight > 0 || !newness.has(each) ? sayUncertainty(each, unsureness.get(each)) : []),
        ...(newness.has(each) ? sayCoverage(each, coverage) : []),
      ];
      const text = parts.length === 0 ? 'nothing is known about it yet' : parts.join(', and ');
      ranked.push({ id: each.id, rank: ranked.length + 1, reason: `${text.charAt(0).toUpperCase()}${text.slice(1)}.` });
      left.splice(left.indexOf(each), 1);
      if (each.profile !== null) coverage.add(each.profile);
    }
  }
  return ranked;
}

/** In an order that does not hang on how they came. */
export const byId = <Each extends { readonly id: string }>(candidates: readonly Each[]): Each[] =>
  candidates.toSorted((a, b) => (a.id < b.id ? -1 : 1));

/** Each candidate's place by a value, 0 (lowest) to 1; those without a value are left out. */
function ranks(candidates: readonly Candidate[], value: (each: Candidate) => number | null): Map<Candidate, number> {
  const known = candidates.filter((each) => value(each) !== null).sort((a, b) => (value(a) ?? 0) - (value(b) ?? 0));
  return new Map(known.map((each, place) => [each, known.length === 1 ? 1 : place / (known.length - 1)]));
}

function sayUncertainty({ uncertainty }: Candidate, unsureness: number | undefined): string[] {
  if (uncertainty === null || unsureness === undefined) return [];
  const place =
    unsureness >= 1 ? 'more unsure of it than of any other' : `more unsure of it than of ${Math.round(100 * unsureness)}% of the others`;
  return [`the model is ${place} (mean uncertainty ${uncertainty.toFixed(2)})`];
}

function sayCoverage({ profile }: Candidate, coverage: Coverage): string[] {
  if (profile === null) return [];
  if (coverage.empty) return ['it is typical of the scans here'];
  const [before, after] = [coverage.reach, coverage.reachWith(profile)].map((reach) => Math.round(100 * reach)) as [number, number];
  return [
    after > before
      ? `with it, ${after}% instead of ${before}% of what the scans show is covered`
      : 'no case that is left adds much to what is covered',
  ];
}
