import * as v from 'valibot';
import { caseChannels, deviceFields, knownImageFields, path } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** Cases that could be labelled next; `uncertainty` where a prediction of the model has one already. */
  cases: v.array(
    v.object({
      id: v.string(),
      name: v.string(),
      image: path,
      channels: caseChannels,
      uncertainty: v.nullable(v.number()),
      ...knownImageFields,
    }),
  ),
  accepted: v.array(v.string()),
  /** Model folder; null: by diversity alone. */
  model: v.nullable(v.string()),
  learnedFolder: v.nullable(v.string()),
  ...deviceFields,
  strategy: v.optional(v.picklist(['suggested', 'uncertainty', 'diversity', 'random']), 'suggested'),
  seed: v.optional(v.number(), 0),
  /** No more cases than this are predicted for their uncertainty, the least covered first. */
  predictAtMost: v.optional(v.number(), 200),
});
export type RankConfig = v.InferOutput<typeof schema>;

export interface RankResult {
  readonly strategy: RankConfig['strategy'];
  /** The case to label next has rank 1. */
  readonly order: readonly { readonly id: string; readonly rank: number; readonly reason: string }[];
  /** Mean uncertainty by case id, 0..1. */
  readonly uncertainties: Readonly<Record<string, number>>;
}

export const rankRequest = defineRequest<RankResult>()('ranking', schema);
