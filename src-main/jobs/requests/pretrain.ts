import * as v from 'valibot';
import { intensity, labelSet, modelChannels, scanFields, triple } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  ...scanFields,
  spacing: triple,
  intensity,
  channels: modelChannels,
  variant: v.string(),
  labelSet,
  patch: triple,
  batch: v.optional(v.number(), 2),
  budget: v.union([v.object({ minutes: v.number() }), v.object({ steps: v.number() })]),
  clusterers: v.optional(v.number()),
  masking: v.optional(v.boolean(), true),
});
export type PretrainConfig = v.InferOutput<typeof schema>;

export interface PretrainResult {
  readonly scans: number;
  readonly steps: number;
  /** Model folder of the backbone. */
  readonly backbone: string;
  /** What was fitted to the device, and why. */
  readonly sentence: string;
  readonly clusterers: number;
  readonly clusters: number;
  readonly loss: number | null;
}

export const pretrainRequest = defineRequest<PretrainResult>()('pre-training', schema);
