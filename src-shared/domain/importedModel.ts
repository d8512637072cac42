import type { LabelSet } from './labelSet.ts';
import type { TrainingHistoryEntry } from './modelCard.ts';

/** One number for each of three axes. Of nnU-Net's arrays: (z, y, x) as read, or transposed as its plans say. */
export type AxisNumbers = readonly [number, number, number];

/** The networks of nnU-Net that can be used, with the shapes that its plans give them. Axes: transposed. */
export interface NnunetNetwork {
  readonly kind: 'plainConvUNet' | 'residualEncoderUNet';
  readonly inChannels: number;
  /** Output channels: labels with background, or regions. */
  readonly heads: number;
  /** Per stage. */
  readonly features: readonly number[];
  readonly kernels: readonly AxisNumbers[];
  readonly strides: readonly AxisNumbers[];
  /** Convolutions (plain) or residual blocks per stage of the encoder, and convolutions per stage of the decoder, lowest first. */
  readonly encoderBlocks: readonly number[];
  readonly decoderConvolutions: readonly number[];
  /** Of the residual encoder's first convolution. */
  readonly stemFeatures: number;
  readonly convolutionBias: boolean;
  readonly normEpsilon: number;
  readonly activation: 'leakyRelu' | 'relu';
}

export type NnunetNormalisation =
  | { readonly scheme: 'zscore'; /** Statistics and change inside the crop mask alone. */ readonly masked: boolean }
  | { readonly scheme: 'ct'; readonly low: number; readonly high: number; readonly mean: number; readonly deviation: number }
  | { readonly scheme: 'none' }
  | { readonly scheme: 'rescaleTo01' }
  | { readonly scheme: 'rgbTo01' };

/** How arrays are resized: spline order, order along a separate axis, and whether that axis is forced (null: by the spacing). */
export interface NnunetResampling {
  readonly order: 1 | 3;
  readonly orderZ: 0 | 1;
  readonly separateZ: boolean | null;
}

/** What nnU-Net does to an image before its network sees it, and to what comes out. */
export interface NnunetPipeline {
  /** canonical: axes turned to the closest RAS ones before anything else; stored: as they are in the file. */
  readonly orientation: 'stored' | 'canonical';
  /** numpy.transpose of (z, y, x): new axis k is old axis transpose[k]. */
  readonly transpose: AxisNumbers;
  /** Millimetres, transposed. */
  readonly spacing: AxisNumbers;
  /** Voxels, transposed. */
  readonly patch: AxisNumbers;
  readonly channels: readonly { readonly name: string; readonly normalisation: NnunetNormalisation }[];
  readonly resampleImage: NnunetResampling;
  readonly resampleLogits: NnunetResampling;
  /** Transposed axes along which patches are mirrored. */
  readonly mirrorAxes: readonly (0 | 1 | 2)[];
  /**
   * What a head writes into a mask: labels: the best head's value, background's 0 first; regions: the value of every head whose region is there,
   * later heads over earlier ones.
   */
  readonly output: {
    readonly kind: 'labels' | 'regions';
    readonly values: readonly number[];
    /** Of regions: the label values that each head's region holds, of those that are written. Absent in cards of earlier versions. */
    readonly members?: readonly (readonly number[])[];
  };
}

/** Where an imported model comes from, as far as its files say. */
export interface ModelSource {
  readonly kind: 'nnU-Net';
  readonly dataset: string;
  readonly trainer: string;
  readonly plans: string;
  readonly configuration: string;
  readonly licence: string | null;
  readonly reference: string | null;
  /** SHA-256 of every checkpoint that was read, by fold. */
  readonly checkpoints: Readonly<Record<string, string>>;
}

/** A model of nnU-Net's, written as `model.json` beside its weights, whose names begin with their fold ('fold_0/…'). */
export interface ImportedModelCard {
  readonly format: 2;
  readonly variant: string;
  readonly network: NnunetNetwork;
  readonly pipeline: NnunetPipeline;
  /** Averaged. */
  readonly folds: readonly string[];
  readonly labelSet: LabelSet;
  readonly source: ModelSource;
  readonly importedAt: string;
  /** Trainings since then, here; absent where there were none. */
  readonly history?: readonly TrainingHistoryEntry[];
  /** SHA-256 of the weights that the last of them began from. */
  readonly parent?: string;
  /** Of the last of them, over the sorted hashes of its data. */
  readonly datasetHash?: string;
}
