import type { Triple } from '../geometry/grid.ts';
import type { LabelSet } from './labelSet.ts';

/**
 * How intensities become network input. CT: clip to [low, high], scale to [0, 1]. MR: percentile clip, then z-score per volume; 'local': then each voxel
 * less the mean of what lies within some millimetres, over its standard deviation (inference/localContrast.ts), of its own slice alone where the axis across
 * thick slices is given. Absent in cards of earlier versions: in all directions.
 */
export type IntensityRule =
  | { readonly kind: 'window'; readonly low: number; readonly high: number }
  | { readonly kind: 'zscore'; readonly lowPercentile: number; readonly highPercentile: number }
  | {
      readonly kind: 'local';
      readonly lowPercentile: number;
      readonly highPercentile: number;
      readonly millimetres: number;
      /** In the model's axis order, as `spacing`. */
      readonly sliceAxis?: 0 | 1 | 2;
    };

/** An image of a case as a network takes it. */
export interface ModelChannel {
  /** As the project or data set calls it: 'T1', 'FLAIR', 'PET'. */
  readonly name: string;
  readonly intensity: IntensityRule;
  /** Cases without it trained, too, with zeros in its place, and so it is predicted. */
  readonly optional?: true;
}

/** What a training minimised. `classWeights`: what a voxel of each class counts in the cross entropy, background first. */
export type LossRule = ({ readonly name: 'paper' } | { readonly name: 'weighted'; readonly classWeights: readonly number[] }) & {
  /** The class that each lies inside of, 0 where none: Dice was of regions, a class and all inside it. Absent: of each class alone. */
  readonly inside?: readonly number[];
};

/** The networks that can be asked for by name (model/variants.ts has their shapes). */
export const variantNames = ['normal', 'large', 'ulkanet', 'small', 'wide', 'medium', 'tiny', 'unet'] as const;
export type VariantName = (typeof variantNames)[number];

/** What an encoder's block is: the paper's algorithm 3 read literally, what the authors' code has, or the usual residual one (docs/explanation/logonet.md). */
export const blockNames = ['literal', 'authors', 'residual'] as const;
export type BlockName = (typeof blockNames)[number];

export interface ArchitectureConfig {
  readonly network: 'logonet' | 'ulkanet' | 'unet';
  readonly dims: readonly number[];
  readonly depths: readonly number[];
  readonly mlpRatios: readonly number[];
  /** Channels at half and at full resolution: of the last decoder and of the skip from the input. Absent: dims[0]/2, and dims[0] of the skip (LOGONET.md). */
  readonly topWidth?: number;
  /** Absent: literal. */
  readonly block?: BlockName;
  readonly inChannels: number;
  /** Channels F that the backbone puts out (14, whatever the label set; LOGONET.md). */
  readonly features: number;
  /** Output classes, background included. */
  readonly classes: number;
  /** Encoder blocks of each local ULKANet (2) and cubes per axis (2). */
  readonly localStages: number;
  readonly split: number;
}

/** The scans that a model learned from, each number the smallest and the largest of all. */
export interface LearnedScans {
  /** Whether they were CT: [false], [true], or both. */
  readonly isCt: readonly boolean[];
  /** mm along i, j, k of the orientation closest to RAS. */
  readonly spacing: Span;
  /** mm in all along these axes. */
  readonly extent: Span;
  /** Some quantiles of the intensities as the network sees them (inference/scanLook.ts). */
  readonly intensities: Span;
}

interface Span {
  readonly low: readonly number[];
  readonly high: readonly number[];
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
  /** Of a network that is asked with prompts, and segments nothing by itself. */
  readonly kind?: 'prompts';
  readonly variant: string;
  readonly architecture: ArchitectureConfig;
  readonly labelSet: LabelSet;
  /** Class index (1-based, background 0) to label value. */
  readonly classToLabel: readonly number[];
  /** Millimetres along i, j, k that volumes are resampled to, in the model's axis order (RAS-like closest axes). */
  readonly spacing: Triple;
  /** Of the first channel. */
  readonly intensity: IntensityRule;
  /** In the order of the network's input. Absent: one, a case's leading image, whatever it is called. */
  readonly channels?: readonly ModelChannel[];
  /** Patch in voxels along D, H, W. */
  readonly patch: Triple;
  /** Left and right were not mirrored and never are: what is labelled lies to one side. Absent: as the labels' names allow. */
  readonly oneSided?: true;
  /** Absent: the paper's loss, before there was another. */
  readonly loss?: LossRule;
  /** Absent in cards of earlier versions, and in models that went on from one. */
  readonly scans?: LearnedScans;
  /** SHA-256 over the sorted hashes of the training data. */
  readonly datasetHash: string;
  readonly history: readonly TrainingHistoryEntry[];
}

/** How each channel's intensities become network input. */
export function intensityRules({ intensity, channels }: Pick<ModelCard, 'intensity' | 'channels'>): readonly IntensityRule[] {
  return channels?.map((channel) => channel.intensity) ?? [intensity];
}
