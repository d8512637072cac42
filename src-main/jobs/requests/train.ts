import * as v from 'valibot';
import { blockNames } from '#shared/domain/modelCard.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import type { IntensityRule, ModelChannel } from '#shared/domain/modelCard.ts';
import type { SkippedCase } from '#shared/domain/trainingCase.ts';
import { contrastRules, lossNames, sliceRules } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { caseChannels, channelNames, deviceFields, knownImageFields, labelSet, path, triple } from './fields.ts';
import { defineRequest } from './request.ts';

const millimetres = v.pipe(v.number(), v.gtValue(0), v.finite());

const schema = v.object({
  cases: v.array(v.object({ name: v.string(), image: path, channels: caseChannels, labels: path, ...knownImageFields })),
  /** Scans without masks that are learned from, too. */
  unlabelled: v.optional(v.array(v.object({ id: v.string(), name: v.string(), image: path, channels: caseChannels })), []),
  /** What the network takes of each case; the leading image unless given. With `from`: what that model takes. */
  channels: channelNames,
  /** What becomes of a case that lacks one of them: left out, or zeros in its place (and then left out of some patches of the others). */
  missingChannels: v.optional(v.picklist(['leaveOut', 'zeros'])),
  /** What masks may hold; undefined: whatever they hold. */
  labelSet: v.optional(labelSet),
  /** Label value of voxels that nobody marked: they are not learned from. */
  ignore: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255))),
  /** Of the images, where the files do not say it. */
  modality: v.optional(v.picklist(['CT', 'MR', 'unknown']), 'unknown'),
  /** Names of the cases that validate; undefined: a seeded draw of `validationFraction`. */
  validation: v.optional(v.array(v.string())),
  validationFraction: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(0.5)), 0.2),
  budget: v.union([
    v.object({ minutes: v.pipe(v.number(), v.gtValue(0)) }),
    v.object({ steps: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  ]),
  recipe: v.optional(v.picklist(['standard', 'paper']), 'standard'),
  /** Instead of the recipe's. */
  loss: v.optional(v.picklist(lossNames)),
  variant: v.optional(v.string()),
  /** Of a LoGoNet; literal unless given. */
  block: v.optional(v.picklist(blockNames)),
  seed: v.optional(v.number(), 0),
  /** Model folder to start from: its architecture, spacing, intensities and patch are kept. */
  from: v.optional(v.string()),
  ...deviceFields,
  memoryBudgetBytes: v.optional(v.number()),
  validateEvery: v.optional(v.number()),
  checkpointSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** Which weights to keep: those that validated best, or the final ones. */
  keep: v.optional(v.picklist(['best', 'last']), 'best'),
  /** Voxels along D, H, W, instead of the plan's choice. */
  patch: v.optional(triple),
  batch: v.optional(v.number()),
  /** With a model to start from: what is kept lies between its weights and the trained ones, where cases set apart for it do best. */
  interpolate: v.optional(v.boolean(), false),
  /** What becomes of a checkpoint that another training wrote. */
  otherRun: v.optional(v.picklist(['refuse', 'beginAgain']), 'refuse'),
  /** What the data asks for unless given. */
  slices: v.optional(v.picklist(sliceRules)),
  /** How MR intensities are made alike; what the data asks for unless given. */
  contrast: v.optional(v.picklist(contrastRules)),
  /** mm along i, j, k, instead of the plan's choice. */
  spacing: v.optional(v.tuple([millimetres, millimetres, millimetres])),
  /** Numbers of the recipe to replace, for experiments. */
  adjust: v.optional(
    v.object({
      learningRate: v.optional(v.number()),
      warmUp: v.optional(v.number()),
      weightDecay: v.optional(v.number()),
      maximumNorm: v.optional(v.number()),
      foregroundShare: v.optional(v.number()),
      averageSteps: v.optional(v.number()),
      mirror: v.optional(v.boolean()),
      rotation: v.optional(v.number()),
      scale: v.optional(v.number()),
      elastic: v.optional(v.number()),
      spatialShare: v.optional(v.number()),
      shift: v.optional(v.number()),
      gain: v.optional(v.pipe(v.number(), v.minValue(1))),
      offset: v.optional(v.number()),
      gamma: v.optional(v.pipe(v.number(), v.minValue(1))),
      noise: v.optional(v.number()),
      diceWeight: v.optional(v.number()),
      crossEntropyWeight: v.optional(v.number()),
      classWeightPower: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
      classWeightLimit: v.optional(v.pipe(v.number(), v.minValue(1))),
    }),
    {},
  ),
});

export type TrainTaskInput = v.InferInput<typeof schema>;
export type TrainTaskConfig = v.InferOutput<typeof schema>;

export interface TrainTaskResult {
  readonly variant: string;
  readonly device: string;
  readonly steps: number;
  readonly keptStep: number;
  readonly seconds: number;
  readonly trainingCases: number;
  readonly unlabelledScans: number;
  readonly validationCases: readonly string[];
  readonly skipped: readonly SkippedCase[];
  readonly plan: {
    readonly spacing: Triple;
    readonly intensity: IntensityRule;
    readonly channels?: readonly ModelChannel[];
    readonly patch: Triple;
    readonly batch: number;
  };
  readonly memoryBytes: number;
  /** On the validation cases, by label name; null without them. */
  readonly dice: Readonly<Record<string, number | null>> | null;
  readonly hd95: Readonly<Record<string, number | null>> | null;
  readonly meanDice: number | null;
  readonly parameters: number;
  /** Each label of each validation case. */
  readonly metrics: readonly {
    readonly caseId: string;
    readonly label: string;
    readonly dice: number | null;
    readonly hd95: number | null;
    readonly volumeError: number | null;
  }[];
  /** Validations over time. */
  readonly curve: readonly CurvePoint[];
}

export const trainRequest = defineRequest<TrainTaskResult>()('training', schema);
