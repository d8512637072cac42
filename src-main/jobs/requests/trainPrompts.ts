import * as v from 'valibot';
import { caseChannels, deviceFields, knownImageFields, learningBudget, path } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  budget: learningBudget,
  seed: v.optional(v.number(), 0),
  /** A prompt network that goes on, of its own size. */
  from: v.optional(v.string()),
  /** With masks that somebody accepted; without any, generated volumes alone train. */
  cases: v.optional(v.array(v.object({ name: v.string(), image: path, channels: caseChannels, labels: path, ...knownImageFields })), []),
  /** What in their masks can be pointed at; every label unless given. */
  structures: v.optional(v.array(v.object({ name: v.string(), values: v.array(v.number()) }))),
  /** Label value of voxels that nobody marked: a case that holds it does not train. */
  ignore: v.optional(v.number()),
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
  /** Accepted cases that trained, and structures of them. */
  readonly cases: number;
  readonly structures: number;
  /** Mean Dice on generated volumes that did not train, by number of clicks. */
  readonly dice: Readonly<Record<string, number>>;
}

export const trainPromptsRequest = defineRequest<TrainPromptsResult>()('training of a prompt network', schema);
