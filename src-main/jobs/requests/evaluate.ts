import * as v from 'valibot';
import type { Interval } from '#shared/domain/job.ts';
import type { LabelMetrics, LabelSummary } from '#shared/domain/metrics.ts';
import type { SkippedCase } from '#shared/domain/trainingCase.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** Folders whose masks are paired by file name. */
  truth: v.string(),
  prediction: v.string(),
  /** Names of labels, and what lies inside what: a label is measured with all that lies inside it; what else the masks hold counts all the same. */
  labels: v.optional(v.array(v.object({ value: v.number(), name: v.string(), inside: v.optional(v.number()) }))),
  /** A truth without a prediction, or with one that cannot be compared: counts as an empty one (Dice 0), or not at all. */
  missing: v.optional(v.picklist(['zero', 'leave-out']), 'zero'),
});

export type EvaluateTaskInput = v.InferInput<typeof schema>;
export type EvaluateTaskConfig = v.InferOutput<typeof schema>;

export interface EvaluateTaskResult {
  /** `meanDice`: over the labels that the case has. */
  readonly cases: readonly { readonly name: string; readonly meanDice: number | null; readonly labels: readonly LabelMetrics[] }[];
  /** `interval`: 95%, of the Dice, over cases (bootstrap). */
  readonly summary: readonly (LabelSummary & { readonly name: string; readonly interval: Interval | null })[];
  readonly meanDice: number | null;
  readonly meanHd95: number | null;
  /** Truths without a prediction that can be compared, and what was made of them. */
  readonly missing: { readonly rule: 'zero' | 'leave-out'; readonly cases: readonly string[] };
  /** Predictions without a truth: not measured. */
  readonly extra: readonly string[];
  /** Labels that predictions hold, and neither a truth nor the given labels: they count with Dice 0. */
  readonly extraLabels: readonly { readonly label: number; readonly cases: readonly string[] }[];
  readonly skipped: readonly SkippedCase[];
}

export const evaluateRequest = defineRequest<EvaluateTaskResult>()('evaluation', schema);
