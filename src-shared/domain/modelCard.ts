import type { Triple } from '../geometry/grid.ts';
import type { LabelSet } from './labelSet.ts';

/** How intensities become network input. CT: clip to [low, high], scale to [0, 1]. MR: percentile clip, then z-score per volume. */
export type IntensityRule =
  | { readonly kind: 'window'; readonly low: number; readonly high: number }
  | { readonly kind: 'zscore'; readonly lowPercentile: number; readonly highPercentile: number };

export interface ArchitectureConfig {
  readonly network: 'logonet' | 'ulkanet' | 'unet';
  readonly dims: readonly number[];
  readonly depths: readonly number[];
  readonly mlpRatios: readonly number[];
  readonly inChannels: number;
  /** Channels F that the backbone puts out (14, whatever the label set; LOGONET.md). */
  readonly features: number;
  /** Output classes, background included. */
  readonly classes: number;
  /** Encoder blocks of each local ULKANet (2) and cubes per axis (2). */
  readonly localStages: number;
  readonly split: number;
}

export interface TrainingHistoryEntry {
  readonly startedAt: string;
  readonly minutes: number;
  readonly steps: number;
  readonly seed: number;
  readonly cases: number;
  readonly validationDice: Readonly<Record<string, number>>;
  readonly note?: string;
}

/** Everything that is needed to use a model's weights, written beside them as `model.json`. */
export interface ModelCard {
  readonly format: 1;
  readonly variant: string;
  readonly architecture: ArchitectureConfig;
  readonly labelSet: LabelSet;
  /** Class index (1-based, background 0) to label value. */
  readonly classToLabel: readonly number[];
  /** Millimetres along i, j, k that volumes are resampled to, in the model's axis order (RAS-like closest axes). */
  readonly spacing: Triple;
  readonly intensity: IntensityRule;
  /** Patch in voxels along D, H, W. */
  readonly patch: Triple;
  /** SHA-256 over the sorted hashes of the training data. */
  readonly datasetHash: string;
  readonly history: readonly TrainingHistoryEntry[];
}
