import type { BlockName } from '#shared/domain/modelCard.ts';
import type { ClassWeighting, ContrastRule, LossName, RecipeName, SliceRule } from '#shared/domain/trainConfig.ts';
import type { LabelledCase, Scan } from '#shared/domain/trainingCase.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { Modality } from '../fingerprint.ts';

/** What is asked of the preparation; the rest of a training's settings does not matter to it. */
export interface PreparationSettings {
  readonly cases: readonly LabelledCase[];
  /** Scans without masks that are learned from, too. */
  readonly unlabelled?: readonly Scan[] | undefined;
  /** What masks may hold; undefined: whatever they hold. */
  readonly labelSet?: LabelSet | undefined;
  /** Label value of voxels that nobody marked: they are not learned from. Unless given, that of a label named "ignore". */
  readonly ignore?: number | undefined;
  /** Of the images, where the files do not say it. */
  readonly modality: Modality;
  /** Names of the cases that validate; undefined: a seeded draw of `validationFraction`. */
  readonly validation?: readonly string[] | undefined;
  readonly validationFraction: number;
  readonly recipe: RecipeName;
  /** Instead of the recipe's. */
  readonly loss?: LossName | undefined;
  /** Numbers of the recipe to replace, as far as they decide the plan. */
  readonly adjust?: { readonly [Key in keyof ClassWeighting]?: ClassWeighting[Key] | undefined } | undefined;
  readonly variant?: string | undefined;
  /** 'literal' unless given. */
  readonly block?: BlockName | undefined;
  readonly seed: number;
  readonly memoryBudgetBytes?: number | undefined;
  /** Voxels along D, H, W, instead of the plan's choice. */
  readonly patch?: Triple | undefined;
  readonly batch?: number | undefined;
  /** Names of the images that the network takes, in order; undefined: each case's leading one. With a model to start from: its own. */
  readonly channels?: readonly string[] | undefined;
  /** What becomes of a case that lacks one of them: left out (unless given), or zeros in its place. */
  readonly missingChannels?: 'leaveOut' | 'zeros' | undefined;
  /** Sets some training cases (of few: slices) apart, which choose how much of what is new counts (chooseWeights.ts). */
  readonly interpolate?: boolean | undefined;
  /** mm along i, j, k, instead of the plan's choice. */
  readonly spacing?: Triple | undefined;
  /** The plan's choice unless given. */
  readonly contrast?: ContrastRule | undefined;
  /** The plan's choice unless given. */
  readonly slices?: SliceRule | undefined;
}
