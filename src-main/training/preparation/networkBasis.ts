/** Which network a training has, and its grid, patch and batch: a new one, that of the model it goes on from, or an imported one. */
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import type { ArchitectureConfig, ModelCard, VariantName } from '#shared/domain/modelCard.ts';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { Work } from '#shared/domain/work.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { NetworkConfig } from '#main/model/networkConfig.ts';
import { sideMultiple, variant } from '#main/model/variants.ts';
import type { DatasetFingerprint } from '../fingerprint.ts';
import { defaultMemoryBudget, stepBytes } from '../memoryBudget.ts';
import { chooseSpacing, makeTrainingPlan, thickSlices, type TrainingPlan } from '../trainingPlan.ts';
import { continued, goingOn, importedPlan } from './importedModel.ts';
import type { WantedChannels } from './labelledCases.ts';
import type { PreparationSettings } from './preparationSettings.ts';

/** What is trained and at which grid, patch and batch. */
export interface Basis extends Omit<TrainingPlan, 'classShares' | 'markedShare' | 'loss'> {
  readonly name: string;
  readonly architecture: NetworkConfig;
}

/** Of a network of this program: a new one, or that of the model it goes on from. */
export function ownBasis(
  settings: PreparationSettings,
  executor: Executor,
  from: ModelCard | undefined,
  classToLabel: readonly number[],
  fingerprint: DatasetFingerprint,
  wanted: WantedChannels | undefined,
  work: Pick<Work, 'alarm'>,
): Basis {
  if (from === undefined) {
    const name = settings.variant ?? defaultVariant(settings, executor, fingerprint, work);
    const architecture = variant(name, classToLabel.length, wanted?.names.length, settings.block);
    return { name, architecture, ...choosePlan(settings, executor, architecture, fingerprint) };
  }
  return {
    name: from.variant,
    architecture: { ...from.architecture, classes: classToLabel.length },
    spacing: from.spacing,
    intensity: from.intensity,
    ...(from.channels && { channels: from.channels }),
    patch: from.patch,
    ...(from.oneSided && { oneSided: true }),
    batch: settings.batch ?? 2,
    ...slicesOf(fingerprint, from),
  };
}

/** Of an imported model that goes on. */
export function goOn(
  settings: PreparationSettings,
  executor: Executor,
  card: ImportedModelCard,
  classToLabel: readonly number[],
  fingerprint: DatasetFingerprint,
  work: Pick<Work, 'alarm'>,
): Basis {
  const { network, pipeline } = continued(card, classToLabel);
  if (card.folds.length > 1)
    work.alarm('info', `Of the model's ${card.folds.length} folds the first (${goingOn(card)}) goes on alone: the new model has one.`);
  const fits = fitting(settings, executor, network, fingerprint);
  return { name: card.variant, architecture: network, ...importedPlan({ network, pipeline }, settings, fits) };
}

/** Whether a training step of a patch and batch fits the memory. */
function fitting(settings: PreparationSettings, executor: Executor, network: NetworkConfig, { markedShare }: DatasetFingerprint) {
  const budget = settings.memoryBudgetBytes ?? defaultMemoryBudget(executor);
  const ignoring = markedShare < 1 ? { markedShare } : {};
  return (patch: Triple, batch: number): boolean =>
    stepBytes(executor, network, { patch, batch, ...ignoring }, (settings.unlabelled ?? []).length > 0)(budget) !== undefined;
}

/** As a model that is in use has them. */
function slicesOf(fingerprint: DatasetFingerprint, { spacing }: ModelCard): Pick<TrainingPlan, 'slices'> {
  const own = chooseSpacing(fingerprint);
  const axis = own.indexOf(Math.max(...own)) as 0 | 1 | 2;
  const slices = thickSlices(spacing.map((mm, each) => (each === axis ? own[axis] : mm)) as unknown as Triple, 'keep');
  return slices === undefined ? {} : { slices: { ...slices, parts: Math.max(1, Math.round(own[slices.axis] / spacing[slices.axis])) } };
}

/** A label that fills less of the voxels is a small structure. */
const smallShare = 0.005;

/**
 * On a processor three stages: wide where a label is a small structure, which `small` hardly learns, else `small`, which makes more steps of the same
 * time (docs/explanation/training.md). The paper's Normal for graphics devices and the paper's recipe.
 */
function defaultVariant(
  settings: PreparationSettings,
  executor: Executor,
  { labelShare }: DatasetFingerprint,
  { alarm }: Pick<Work, 'alarm'>,
): VariantName {
  if (settings.recipe === 'paper' || executor.name === 'webgpu' || executor.name === 'tensorflow') return 'normal';
  const smallest = Math.min(...Object.values(labelShare));
  if (smallest >= smallShare) return 'small';
  alarm(
    'info',
    `The smallest label fills ${(100 * smallest).toPrecision(2)}% of the voxels: the network is "wide", which learns small structures.`,
  );
  return 'wide';
}

function choosePlan(
  settings: PreparationSettings,
  executor: Executor,
  architecture: ArchitectureConfig,
  fingerprint: DatasetFingerprint,
): TrainingPlan {
  const recipe = recipes[settings.recipe];
  const plan = makeTrainingPlan(fingerprint, {
    recipe: settings.recipe,
    channels: settings.channels,
    slices: settings.slices,
    contrast: settings.contrast,
    spacing: settings.spacing,
    patch: settings.patch,
    multiple: sideMultiple(architecture),
    batch: settings.batch ?? recipe.batch ?? 2,
    fits: fitting(settings, executor, architecture, fingerprint),
    largestPatch: executor.name === 'cpu' && settings.recipe !== 'paper' ? 64 * 64 * 80 : 96 ** 3,
  });
  return settings.patch === undefined ? plan : { ...plan, patch: settings.patch };
}
