/** What a training run is told. Everything else follows from the data (the training plan) and the recipe. */
export interface TrainConfig {
  readonly recipe: RecipeName;
  /** Wall-clock minutes, or optimiser steps; the schedule fits itself to either. */
  readonly budget: { readonly minutes: number } | { readonly steps: number };
  readonly seed: number;
  /** Part of the cases that validate and never train, 0..0.5. */
  readonly validationFraction: number;
  /** Optimiser steps between two validations; undefined: about twelve in the budget. */
  readonly validateEvery?: number;
}

export type RecipeName = 'standard' | 'paper';

/** 'paper': Eq. 6–8. 'weighted': cross entropy weighted by class, Dice over the batch; small structures are learned, too (docs/explanation/training.md). */
export const lossNames = ['paper', 'weighted'] as const;
export type LossName = (typeof lossNames)[number];

/** How the weighted loss counts the classes. */
export interface ClassWeighting {
  /** A class counts by its share of the voxels to the power of minus this; 0: every voxel alike. */
  readonly classWeightPower: number;
  /** The most that a voxel of any class counts, where it counts 1 on average. */
  readonly classWeightLimit: number;
}

/** The numbers of a training recipe. */
export interface Recipe extends Partial<ClassWeighting> {
  readonly learningRate: number;
  /** Part of the budget with a linearly growing rate. */
  readonly warmUp: number;
  readonly weightDecay: number;
  /** Largest norm of the whole gradient; 0: not clipped. */
  readonly maximumNorm: number;
  readonly diceWeight: number;
  readonly crossEntropyWeight: number;
  /** Patches in one step; undefined: what the memory budget and the data suggest. */
  readonly batch?: number;
  /** Part of the patches that are centred on a labelled voxel. */
  readonly foregroundShare: number;
  /** Time constant, in steps, of the moving average of the weights that validates and is kept; 0: none. */
  readonly averageSteps: number;
  readonly augmentation: Augmentation;
}

/** Ranges of the random changes to a training patch; every one is drawn again for each patch. */
export interface Augmentation {
  /** Degrees about each axis, ±. */
  readonly rotation: number;
  /** Largest factor of zoom (its inverse is the smallest). */
  readonly scale: number;
  /** Standard deviation of the displacement of a coarse grid's points, in voxels. */
  readonly elastic: number;
  /** Share of patches with any rotation, scaling or elastic change. */
  readonly spatialShare: number;
  /** Voxels, ±, of a shift along each axis where the volume does not fill the patch. */
  readonly shift: number;
  /** Largest factor of contrast (its inverse is the smallest). */
  readonly gain: number;
  /** Brightness, ±, in units of the input. */
  readonly offset: number;
  /** Largest exponent (its inverse is the smallest). */
  readonly gamma: number;
  /** Largest standard deviation of added noise, in units of the input's standard deviation. */
  readonly noise: number;
  /** Whether patches are mirrored along the axes where the labels allow it. */
  readonly mirror: boolean;
}

/** Intensities as they are. */
export const sameIntensities = { gain: 1, offset: 0, gamma: 1, noise: 0 } as const;

/** Patches as they lie in the scan. */
export const noAugmentation: Augmentation = {
  ...sameIntensities,
  rotation: 0,
  scale: 1,
  elastic: 0,
  spatialShare: 0,
  shift: 0,
  mirror: false,
};

const augmentation: Augmentation = {
  rotation: 12,
  scale: 1.15,
  elastic: 0.7,
  spatialShare: 0.6,
  shift: 4,
  gain: 1.3,
  offset: 0.2,
  gamma: 1.3,
  noise: 0.1,
  mirror: true,
};

/** What of it is otherwise where slices are thick: few such patients, differing in size more than those that a network learned from (docs/explanation/training.md). */
export const sliceAugmentation: Partial<Augmentation> = { rotation: 20, scale: 1.3, spatialShare: 0.8 };

/** Of the weighted loss unless a recipe says otherwise. */
export const classWeighting: ClassWeighting = { classWeightPower: 0.5, classWeightLimit: 100 };

/** 'standard' is what measured best here (docs/explanation/training.md); 'paper' has the values of the paper's section 4.2. */
export const recipes: Readonly<Record<RecipeName, Recipe>> = {
  standard: {
    learningRate: 4e-3,
    warmUp: 0.03,
    weightDecay: 0.01,
    maximumNorm: 1,
    diceWeight: 1,
    crossEntropyWeight: 1,
    ...classWeighting,
    foregroundShare: 0.5,
    averageSteps: 100,
    augmentation,
  },
  paper: {
    learningRate: 1e-4,
    warmUp: 0.02,
    weightDecay: 1e-5,
    maximumNorm: 0,
    diceWeight: 1,
    crossEntropyWeight: 1,
    batch: 2,
    foregroundShare: 0.5,
    averageSteps: 0,
    augmentation,
  },
};

/** What a training of each recipe minimises unless told otherwise. */
export const recipeLoss: Readonly<Record<RecipeName, LossName>> = { standard: 'weighted', paper: 'paper' };

/** How MR intensities are made alike: by mean and deviation of the volume, or of each voxel's surroundings, in all directions or within its slice. */
export const contrastRules = ['volume', 'local', 'slice'] as const;
export type ContrastRule = (typeof contrastRules)[number];

/**
 * What becomes of slices over three times as thick as the voxels within them: kept, or divided until they are not; 'balance': before that the
 * voxels within them are made coarser, until a patch sees a quarter of a case; 'whole': kept, and the voxels within them made coarser, until a patch sees
 * whole slices, as far as the smallest label allows.
 */
export const sliceRules = ['keep', 'divide', 'balance', 'whole'] as const;
export type SliceRule = (typeof sliceRules)[number];
