import * as v from 'valibot';
import { deviceFields } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  budget: v.union([
    v.object({ minutes: v.pipe(v.number(), v.gtValue(0)) }),
    v.object({ steps: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  ]),
  seed: v.optional(v.number(), 0),
  batch: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 2),
  variant: v.optional(v.string(), 'small'),
  ...deviceFields,
  checkpointSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
});
export type TrainPromptsConfig = v.InferOutput<typeof schema>;

export interface TrainPromptsResult {
  readonly device: string;
  readonly steps: number;
  readonly seconds: number;
  /** Mean Dice on generated volumes that did not train, by number of clicks. */
  readonly dice: Readonly<Record<string, number>>;
}

export const trainPromptsRequest = defineRequest<TrainPromptsResult>()('training of a prompt network', schema);
