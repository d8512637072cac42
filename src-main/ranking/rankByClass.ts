import { Random } from '#shared/base/random.ts';
import type { CaseProfile } from './coverage.ts';
import { byId } from './rankCases.ts';

/** A case that could be labelled next, and what a model sees in it. */
export interface ClassCandidate {
  readonly id: string;
  /** Mean uncertainty, 0..1, where each class (background left out) is predicted; null for one that is not. */
  readonly doubts: readonly (number | null)[];
  /** null where it was not clustered. */
  readonly profile: CaseProfile | null;
}

export interface ClassRequest {
  readonly candidates: readonly ClassCandidate[];
  readonly acceptedCases: number;
  /** How many are wanted; two thirds of them are chosen class by class, the others by all classes together. */
  readonly places: number;
  readonly seed: number;
}

/** Accepted cases by which the power of a doubt grows by one: with few of them chance has its say, with many the largest doubt is chosen. */
const CASES_A_POWER = 4;
const BY_CLASS = 2 / 3;

/**
 * The cases to label next, by class: each class in turn has the case that the model doubts most there, with a noise that fades as more cases are
 * accepted, and of cases whose slices lie in unlike clusters (class-stratified power sampling; ClaSP PE, arXiv 2601.13677). Ids, next first.
 */
export function rankByClass({ candidates, acceptedCases, places, seed }: ClassRequest): string[] {
  const random = new Random(seed);
  const power = Math.max(1, acceptedCases / CASES_A_POWER);
  const classes = random.shuffle([...(candidates[0]?.doubts.keys() ?? [])]);
  const left = new Set(byId(candidates));
  const clusters = new Set<number | undefined>();
  const chosen: string[] = [];
  while (chosen.length < places && left.size > 0) {
    const turn = chosen.length < BY_CLASS * places ? classes[chosen.length % classes.length] : undefined;
    const unlike = [...left].filter((each) => !clusters.has(mainCluster(each)));
    if (unlike.length === 0) clusters.clear();
    const next = mostDoubted(unlike.length === 0 ? [...left] : unlike, turn, power, random);
    left.delete(next);
    clusters.add(mainCluster(next));
    chosen.push(next.id);
  }
  return chosen;
}

/**
 * As many cases at random, but that each class which the model predicts anywhere is in one of them where there are places enough: what nnActive
 * (arXiv 2511.19183) found nothing to beat. Ids, next first.
 */
export function randomWithEveryClass({ candidates, places, seed }: Omit<ClassRequest, 'acceptedCases'>): string[] {
  const order = new Random(seed).shuffle(byId(candidates));
  const chosen: ClassCandidate[] = [];
  for (const index of candidates[0]?.doubts.keys() ?? []) {
    const isSeen = ({ doubts }: ClassCandidate): boolean => doubts[index] !== null;
    const first = order.find(isSeen);
    if (first !== undefined && !chosen.some(isSeen) && chosen.length < places) chosen.push(first);
  }
  return [...chosen, ...order.filter((each) => !chosen.includes(each))].slice(0, places).map(({ id }) => id);
}

/** By one class, or by the mean over those that are predicted. A draw of doubt^power is the largest of their logarithms with Gumbel noise. */
function mostDoubted(candidates: readonly ClassCandidate[], turn: number | undefined, power: number, random: Random): ClassCandidate {
  const doubt = ({ doubts }: ClassCandidate): number => {
    const known = (turn === undefined ? doubts : [doubts[turn] ?? null]).filter((each) => each !== null);
    return known.length === 0 ? 0 : known.reduce((sum, each) => sum + each, 0) / known.length;
  };
  const scored = candidates.map((each) => {
    const noise = -Math.log(-Math.log(random.uniform(Number.EPSILON, 1)));
    return { each, score: power * Math.log(doubt(each) + Number.EPSILON) + noise };
  });
  return scored.reduce((best, other) => (other.score > best.score ? other : best)).each;
}

/** Where most of its slices lie, by the first clusterer. */
function mainCluster({ profile }: ClassCandidate): number | undefined {
  let [main, most] = [undefined as number | undefined, 0];
  for (const [cluster, slices] of profile?.counts[0] ?? []) if (slices > most) [main, most] = [cluster, slices];
  return main;
}
