import * as v from 'valibot';
import { defineRequest } from './request.ts';

const schema = v.object({
  folder: v.string(),
  count: v.number(),
  /** Seed of the first; each further one has the next. */
  seed: v.number(),
  /** Mean in-plane voxel size in mm. */
  resolution: v.number(),
  /** Replace files of the same names. */
  overwrite: v.optional(v.boolean(), false),
});
export type PhantomsConfig = v.InferOutput<typeof schema>;

export interface PhantomsResult {
  readonly dataset: string;
  readonly cases: readonly string[];
}

export const phantomsRequest = defineRequest<PhantomsResult>()('set of phantoms', schema);
