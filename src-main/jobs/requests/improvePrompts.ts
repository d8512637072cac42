import * as v from 'valibot';
import type { PointingComparison } from '#shared/domain/pointing.ts';
import { caseFields, deviceFields, labelSet, learningBudget, path } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** Accepted cases; held-out ones never train. */
  cases: v.array(v.object({ ...caseFields, mask: path, heldOut: v.boolean() })),
  labelSet,
  /** The prompt network that goes on; null: one that begins anew, compared with the classifier of the case. */
  current: v.nullable(v.object({ modelId: v.string(), folder: v.string() })),
  budget: learningBudget,
  /** It takes the other's place whatever the comparison says. */
  despite: v.optional(v.boolean(), false),
  seed: v.optional(v.number(), 0),
  ...deviceFields,
});
export type ImprovePromptsConfig = v.InferOutput<typeof schema>;

export interface ImprovePromptsResult {
  readonly trainingCases: number;
  readonly structures: number;
  readonly steps: number;
  readonly weightsHash: string;
  readonly measured: PointingComparison | null;
}

export const improvePromptsRequest = defineRequest<ImprovePromptsResult>()('improvement of pointing', schema);
