import * as v from 'valibot';
import type { EvaluateTaskResult } from './evaluate.ts';
import { deviceFields } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** Minutes for both trainings together. */
  minutes: v.number(),
  seed: v.number(),
  ...deviceFields,
});
export type DemoConfig = v.InferOutput<typeof schema>;

export interface DemoResult {
  readonly before: EvaluateTaskResult;
  readonly after: EvaluateTaskResult;
  /** Voxels that the simulated reader had to change, per case that was corrected. */
  readonly correctedVoxels: number;
  /** Optimiser steps that the time was enough for, first and second training. */
  readonly steps: readonly [number, number];
  /** Folder of the final masks. */
  readonly masks: string;
  readonly model: string;
}

export const demoRequest = defineRequest<DemoResult>()('demonstration', schema);
