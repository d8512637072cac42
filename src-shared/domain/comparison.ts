import { Random } from '../base/random.ts';
import type { Comparison, Interval, LabelComparison } from './job.ts';
import type { LabelMetrics } from './metrics.ts';
import { meanDice, summarise } from './metrics.ts';

/** One model's agreement with the truth in one held-out case. */
export interface CaseMetrics {
  readonly caseId: string;
  readonly metrics: readonly LabelMetrics[];
}

export interface ComparisonRequest {
  readonly beforeModelId: string | null;
  readonly afterModelId: string;
  /** null: there was no model before. Same cases as `after`. */
  readonly before: readonly CaseMetrics[] | null;
  readonly after: readonly CaseMetrics[];
  readonly labelNames: ReadonlyMap<number, string>;
  /** How much Dice a label may lose without blocking the promotion. */
  readonly margin?: number;
  readonly seed?: number;
}

/** A label below this Dice counts as not found. */
const COLLAPSED = 0.05;
/** A gain smaller than this is none. */
const SMALLEST_GAIN = 0.001;
const RESAMPLES = 2000;

/** Mean and 95% percentile-bootstrap interval over cases. */
export function bootstrapMean(values: readonly number[], seed = 0): Interval | null {
  if (values.length === 0) return null;
  const random = new Random(seed);
  const mean = (pick: (index: number) => number): number =>
    values.reduce((sum, _, index) => sum + (values[pick(index)] ?? 0), 0) / values.length;
  const means = Float64Array.from({ length: RESAMPLES }, () => mean(() => random.integer(values.length))).sort();
  return {
    mean: mean((index) => index),
    low: means[Math.floor(0.025 * RESAMPLES)] ?? 0,
    high: means[Math.ceil(0.975 * RESAMPLES) - 1] ?? 0,
  };
}

/**
 * The comparison that decides: promotion is proposed only if the mean Dice over labels is better, no label lost more than the margin,
 * and none collapsed. The verdict says so in a sentence.
 */
export function compareModels(request: ComparisonRequest): Comparison {
  const { before, after, labelNames, margin = 0.02, seed = 0 } = request;
  const afterSummary = summarise(after.map(({ metrics }) => metrics));
  const beforeSummary = before === null ? null : summarise(before.map(({ metrics }) => metrics));
  const labels = afterSummary.map((row): LabelComparison => {
    const old = beforeSummary?.find(({ label }) => label === row.label);
    return {
      label: labelNames.get(row.label) ?? `Label ${row.label}`,
      diceBefore: old?.dice ?? null,
      diceAfter: row.dice,
      hd95Before: old?.hd95 ?? null,
      hd95After: row.hd95,
      difference: before === null ? null : bootstrapMean(differences(before, after, row.label), seed),
    };
  });
  const meanAfter = meanDice(afterSummary) ?? 0;
  const meanBefore = beforeSummary === null ? null : meanDice(beforeSummary);
  const { proposed, verdict } = judge(
    labels,
    meanBefore,
    meanAfter,
    before === null ? null : bootstrapMean(meanDifferences(before, after), seed),
    margin,
    after.length,
  );
  return {
    beforeModelId: request.beforeModelId,
    afterModelId: request.afterModelId,
    cases: after.length,
    meanBefore,
    meanAfter,
    labels,
    promotionProposed: proposed,
    verdict,
  };
}

const diceOf = (metrics: readonly LabelMetrics[], label: number): number | null => metrics.find((row) => row.label === label)?.dice ?? null;

function differences(before: readonly CaseMetrics[], after: readonly CaseMetrics[], label: number): number[] {
  return after.flatMap(({ caseId, metrics }) => {
    const old = before.find((each) => each.caseId === caseId);
    const [a, b] = [diceOf(metrics, label), old === undefined ? null : diceOf(old.metrics, label)];
    return a === null || b === null ? [] : [a - b];
  });
}

/** Per case, the mean over the labels that both models are measured on. */
function meanDifferences(before: readonly CaseMetrics[], after: readonly CaseMetrics[]): number[] {
  return after.flatMap((each) => {
    const all = each.metrics.flatMap(({ label }) => differences(before, [each], label));
    return all.length === 0 ? [] : [all.reduce((sum, value) => sum + value, 0) / all.length];
  });
}

function judge(
  labels: readonly LabelComparison[],
  meanBefore: number | null,
  meanAfter: number,
  difference: Interval | null,
  margin: number,
  cases: number,
): { proposed: boolean; verdict: string } {
  const points = (value: number): string => `${(100 * Math.abs(value)).toFixed(1)} points`;
  const unfound = labels.filter(({ diceAfter }) => diceAfter !== null && diceAfter < COLLAPSED);
  // What the model in use does not find either is no reason to keep it.
  const collapsed = unfound.filter(({ diceBefore }) => diceBefore === null || diceBefore >= COLLAPSED).map(({ label }) => `"${label}"`);
  const missing = unfound.length === 0 ? '' : ` Still not found: ${unfound.map(({ label }) => `"${label}"`).join(', ')}.`;
  if (collapsed.length > 0) {
    const named = collapsed.join(', ');
    // A first model is in use at once: there is no other.
    if (meanBefore === null)
      return {
        proposed: false,
        verdict: `The first model does not find ${named} yet (Dice below ${COLLAPSED}). Improve for longer, with more accepted cases, and check the masks of these labels.`,
      };
    return {
      proposed: false,
      verdict: `Not proposed: ${named} ${collapsed.length === 1 ? 'is' : 'are'} no longer found or not yet learned (Dice below ${COLLAPSED}). Check the masks of these labels.`,
    };
  }
  if (cases === 0)
    return {
      proposed: false,
      verdict:
        'Not measured: no accepted case is held out, which takes three. The new model is kept beside the model in use; look at its predictions before you use it.',
    };
  if (labels.every(({ diceAfter }) => diceAfter === null))
    return { proposed: false, verdict: 'No gain can be told: the held-out cases hold none of the labels. Hold out cases that do.' };
  if (meanBefore === null) return { proposed: true, verdict: `The first model: mean Dice ${meanAfter.toFixed(3)} on the held-out cases.` };
  const gain = meanAfter - meanBefore;
  // One case has no spread: what looks like an interval would be the difference again.
  const single = cases < 2;
  const chance =
    difference === null || single
      ? ''
      : ` (95% interval over cases: ${(100 * difference.low).toFixed(1)} to ${(100 * difference.high).toFixed(1)} points)`;
  if (gain < SMALLEST_GAIN) {
    const what = gain > -SMALLEST_GAIN ? 'the mean Dice is the same' : `the mean Dice fell by ${points(gain)}`;
    return {
      proposed: false,
      verdict: `No gain: ${what}${chance}. The model in use stays. More accepted cases, or a longer budget, may help.`,
    };
  }
  const worse = labels.filter(({ diceBefore, diceAfter }) => diceBefore !== null && diceAfter !== null && diceBefore - diceAfter > margin);
  if (worse.length > 0) {
    const named = worse.map((row) => `"${row.label}" lost ${points((row.diceBefore ?? 0) - (row.diceAfter ?? 0))}`).join(', ');
    return { proposed: false, verdict: `Not proposed: the mean Dice rose by ${points(gain)}, but ${named}.` };
  }
  const doubt = single || (difference !== null && difference.low <= 0) ? ` With so few cases (${cases}) this may be chance.` : '';
  return { proposed: true, verdict: `Gain of ${points(gain)} of mean Dice${chance}.${doubt}${missing}` };
}
