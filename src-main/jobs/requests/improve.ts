import * as v from 'valibot';
import type { Comparison, ImprovePlan } from '#shared/domain/job.ts';
import { caseFields, channelNames, deviceFields, labelSet, path } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** All cases but the excluded ones. `mask`: accepted. Held-out ones never train, not even without their mask. */
  cases: v.array(
    v.object({
      ...caseFields,
      mask: v.nullable(path),
      heldOut: v.boolean(),
    }),
  ),
  labelSet,
  /** What the network takes of each case; unless given what the model in use takes, or the leading image. With others a new model begins. */
  channels: channelNames,
  missingChannels: v.optional(v.picklist(['leaveOut', 'zeros'])),
  budget: v.union([
    v.object({ minutes: v.pipe(v.number(), v.gtValue(0)) }),
    v.object({ steps: v.object({ pretrain: v.number(), train: v.number() }) }),
  ]),
  ...deviceFields,
  seed: v.optional(v.number(), 0),
  current: v.nullable(v.object({ modelId: v.string(), folder: v.string() })),
  modelId: v.string(),
  /** Where the new model goes. */
  modelFolder: v.string(),
  /** Where what is pre-trained without labels is kept between jobs; earlier versions named it so. */
  learnedFolder: v.string(),
  /** Dice that a label may lose. */
  margin: v.optional(v.number(), 0.02),
  variant: v.optional(v.string()),
  memoryBudgetBytes: v.optional(v.number()),
});
export type ImproveConfigInput = v.InferInput<typeof schema>;
export type ImproveConfig = v.InferOutput<typeof schema>;

export interface ImproveResult {
  readonly modelId: string;
  readonly modelFolder: string;
  readonly weightsHash: string;
  readonly plan: ImprovePlan;
  readonly comparison: Comparison;
  /** The new model on the held-out cases. */
  readonly metrics: readonly {
    readonly caseId: string;
    readonly label: number;
    readonly dice: number | null;
    readonly hd95: number | null;
    readonly volumeError: number | null;
  }[];
  readonly trainingCases: number;
  readonly steps: number;
  /** Training cases whose masks disagree with what was learned from all of them. */
  readonly suspectMasks: readonly { readonly caseId: string; readonly reason: string }[];
}

export const improveRequest = defineRequest<ImproveResult>()('improvement', schema);
