import * as v from 'valibot';
import { channelNames, intensity, scanFields, triple } from './fields.ts';
import { defineRequest } from './request.ts';

/** What a clustering makes in its folder, besides a file for each clusterer (training/pretrained). */
export const clusterNames = [
  'cases',
  'rule.json',
  'slices.f32',
  'slices.json',
  'clustering.key',
  'clusters.json',
  'pseudo.u16',
  'pseudo-labels.csv',
] as const;

const schema = v.object({
  ...scanFields,
  /** How the scans are made alike: as this model's folder says, or by what is given here; chosen from the scans themselves otherwise. */
  model: v.optional(v.string()),
  spacing: v.optional(triple),
  intensity: v.optional(intensity),
  /** Of each scan, by name, where no model says it; the leading image unless given. */
  channels: channelNames,
  clusterers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255)), 16),
  largestK: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2)), 500),
});
export type ClusterConfig = v.InferOutput<typeof schema>;

export interface ClusterResult {
  readonly scans: number;
  readonly slices: number;
  readonly clusterers: number;
  readonly clusters: number;
  readonly inertia: readonly number[];
  /** N and K, and what they follow from. */
  readonly sentence: string;
  /** CSV: every slice's cluster by each clusterer. */
  readonly table: string;
}

export const clusterRequest = defineRequest<ClusterResult>()('clustering', schema);
