import * as v from 'valibot';
import type { SkippedCase } from '#shared/domain/trainingCase.ts';
import { caseChannels, channelNames, deviceFields, knownImageFields, path } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** Model folder. */
  model: v.string(),
  /** The model's id in the project that takes the predictions over. */
  modelId: v.optional(v.string()),
  /** Each image: one file, or the files of a DICOM series. `name` is the mask's file name without extension; by default the image's. */
  images: v.array(v.object({ path, channels: caseChannels, name: v.optional(v.string()), ...knownImageFields })),
  /** What the files `_0000`, `_0001`, … of a case, or the volumes of a file, are called; unless given, the model's channels in their order. */
  channels: channelNames,
  ...deviceFields,
  overlap: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(0.9)), 0.5),
  /** Predict mirrored too, where the labels allow it: a little better, twice the time. */
  mirror: v.optional(v.boolean(), true),
  /** Write a map of the uncertainty (0..255) beside each mask. */
  uncertainty: v.optional(v.boolean(), false),
  /** Replace masks of the same names; never an image that is read. */
  overwrite: v.optional(v.boolean(), false),
});

export type PredictTaskInput = v.InferInput<typeof schema>;
export type PredictTaskConfig = v.InferOutput<typeof schema>;

export interface PredictedImage {
  readonly image: string;
  readonly mask: string;
  readonly uncertainty: string | null;
  readonly seconds: number;
  /** Where to look first: slices (constant k, from 0) that hold most of the uncertainty, a tenth of all but at most ten; empty where none was asked for. */
  readonly uncertainSlices: readonly number[];
  /** Millilitres by label name. */
  readonly volumes: Readonly<Record<string, number>>;
}

export interface PredictTaskResult {
  readonly predictions: readonly PredictedImage[];
  readonly skipped: readonly SkippedCase[];
}

export const predictRequest = defineRequest<PredictTaskResult>()('prediction', schema);
