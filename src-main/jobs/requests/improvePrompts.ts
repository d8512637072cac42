import * as v from 'valibot';
import type { LessonComparison, PointingComparison } from '#shared/domain/pointing.ts';
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
  /** Of what the accepted cases taught of structures; empty where no held-out case measures. */
  readonly lessons: readonly LessonComparison[];
}

/** In the job's results: what accepted cases taught of each structure. */
export const lessonsFile = 'lessons.json';
export const lessonComparison = v.object({
  label: v.string(),
  structures: v.number(),
  without: v.number(),
  withIt: v.number(),
  first: v.number(),
});
export const storedLessons = v.object({
  lessons: v.array(v.object({ label: v.string(), measured: v.nullable(lessonComparison), values: v.array(v.number()) })),
});

export const improvePromptsRequest = defineRequest<ImprovePromptsResult>()('improvement of pointing', schema);
