import type { Interval } from './job.ts';

/** Clicks of a reader who knows the truth until a structure is found, 11 where ten do not do it, before and after, on the same held-out cases. */
export interface PointingComparison {
  readonly cases: number;
  readonly structures: number;
  /** Means over the structures. */
  readonly before: number;
  readonly after: number;
  /** After less before, with its 95% bootstrap interval over cases; null for a single case. */
  readonly difference: Interval | null;
  readonly labels: readonly { readonly label: string; readonly structures: number; readonly before: number; readonly after: number }[];
}

/** A network that is asked with prompts, as it became in a project. */
export interface PointingVersion {
  readonly id: string;
  readonly createdAt: string;
  readonly jobId: string;
  readonly trainingCases: number;
  readonly structures: number;
  readonly steps: number;
  readonly weightsHash: string;
  /** Null where no held-out case could say. */
  readonly measured: PointingComparison | null;
  readonly lessons: readonly LessonComparison[];
}

/** Of the minutes of an improvement: what comes after it for pointing. */
export const pointingMinutes = (minutes: number): number => Math.min(30, 0.2 * minutes);

/** A network that needs more clicks, or of which nobody knows, never takes another's place by itself. */
export const needsFewerClicks = (measured: PointingComparison | null): boolean => measured !== null && measured.after < measured.before;

/** For the person. */
export function pointingVerdict(measured: PointingComparison | null): string {
  if (measured === null)
    return 'Pointing was not measured: there is no held-out case that somebody looked at. What answered before stays in use; accept more cases, and improve again.';
  const { cases, structures, before, after, difference } = measured;
  const on = `on ${String(structures)} ${structures === 1 ? 'structure' : 'structures'} of ${String(cases)} held-out ${cases === 1 ? 'case' : 'cases'}`;
  const clicks = `${before.toFixed(1)} clicks to a Dice of .85 before and ${after.toFixed(1)} after, ${on}`;
  const range = difference === null ? '' : ` (95% of the difference: ${difference.low.toFixed(1)} to ${difference.high.toFixed(1)})`;
  return needsFewerClicks(measured)
    ? `Pointing takes fewer clicks: ${clicks}${range}.`
    : `Pointing takes no fewer clicks: ${clicks}${range}. What answered before stays in use.`;
}

/** What accepted cases taught of a structure, told by a reader's ten clicks on held-out cases: mean Dice over them without and with it, and with it after the first one. */
export interface LessonComparison {
  readonly label: string;
  readonly structures: number;
  readonly without: number;
  readonly withIt: number;
  readonly first: number;
}

/** One structure of a held-out case, pointed out without and with what accepted cases taught: Dice after each click. */
export interface LessonRow {
  readonly label: string;
  readonly without: readonly number[];
  readonly withIt: readonly number[];
}

export function compareLessons(rows: readonly LessonRow[]): LessonComparison[] {
  return [...Map.groupBy(rows, ({ label }) => label)].map(([label, own]) => ({
    label,
    structures: own.length,
    without: meanOf(own.map(({ without }) => overClicks(without))),
    withIt: meanOf(own.map(({ withIt }) => overClicks(withIt))),
    first: meanOf(own.map(({ withIt }) => withIt[0] ?? 0)),
  }));
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean Dice over ten clicks; where fewer were enough, the last one stays. */
const overClicks = (dice: readonly number[]): number => meanOf(Array.from({ length: 10 }, (_, n) => dice[n] ?? dice.at(-1) ?? 0));

/**
 * Dice on held-out cases below which beginning with a prediction takes no fewer clicks than pointing a structure out anew, though prompts give
 * a wrong one up (docs/explanation/improve.md).
 */
const worthBeginning = 0.5;

/** Whether Point begins with a prediction whose model was measured to find the label with this Dice: `first` is what a first click finds by what accepted cases taught. */
export const beginsWithPrediction = (dice: number, first = 0): boolean => dice >= Math.max(worthBeginning, first);

/** What does no better than the voxels of the case alone is not used. */
export const helpsPointing = ({ without, withIt }: Pick<LessonComparison, 'without' | 'withIt'>): boolean => withIt > without;

/** For the person; empty where nothing was taught. */
export function lessonsVerdict(lessons: readonly LessonComparison[]): string {
  if (lessons.length === 0) return '';
  const known = lessons.filter(helpsPointing).map(({ label, without, withIt }) => `${label} (${dice(without)} → ${dice(withIt)})`);
  return known.length === 0
    ? 'What accepted cases taught of how structures look helps with none of them, and is not used.'
    : `Point knows from accepted cases how this looks, mean Dice over ten clicks on held-out cases: ${known.join(', ')}.`;
}

const dice = (value: number): string => value.toFixed(2).replace(/^0/, '');
