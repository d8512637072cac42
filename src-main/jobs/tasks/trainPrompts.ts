import { createHash } from 'node:crypto';
import { StudioError } from '#shared/base/errors.ts';
import type { ArchitectureConfig, ModelCard, TrainingHistoryEntry } from '#shared/domain/modelCard.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { loadPromptModel, saveModel } from '#main/model/modelFolder.ts';
import { variant } from '#main/model/variants.ts';
import { defaultMemoryBudget } from '#main/training/memoryBudget.ts';
import { fileStore } from '#main/training/preparation/checkpointFolder.ts';
import { acceptedCases } from '#main/training/prompts/acceptedCases.ts';
import { generatedVolume, type PointedCase } from '#main/training/prompts/generatedVolume.ts';
import { trainPrompts, type PromptTrainingOutcome } from '#main/training/prompts/promptTraining.ts';
import { trainPromptsRequest, type TrainPromptsConfig, type TrainPromptsResult } from '../requests/trainPrompts.ts';
import type { Task, TaskContext } from '../task.ts';
import { readLooks, type Looks } from './promptCases.ts';

/** Voxels of a side of the cube that the network is asked about. */
const freshSide = 32;
const watchedCases = 10;
/** Seeds of generated volumes that are watched begin here; those that train lie below. */
const firstWatched = 0xf000_0000;

/** Of a network that goes on: what it knows is to be kept. */
const rates = { fresh: 4e-3, goesOn: 1.5e-3 } as const;

/** Trains a prompt network on generated volumes, and on accepted cases where there are some: `outFolder` gets `model.json` and `weights.safetensors`. */
export const trainPromptsTask: Task<TrainPromptsConfig, TrainPromptsResult> = {
  kind: 'trainPrompts',
  parse: trainPromptsRequest.parse,
  run: (context) => withExecutor({ ...context.config, alarm: context.alarm }, (executor) => train(executor, context)),
};

async function train(executor: Executor, context: TaskContext<TrainPromptsConfig>): Promise<TrainPromptsResult> {
  const { config, checkpointFolder, outFolder } = context;
  const { seed, batch, budget } = config;
  const before = config.from === undefined ? null : await loadPromptModel(config.from);
  if (before !== null && before.card.channels?.map(({ name }) => name).join() !== promptChannels.join())
    throw new StudioError('invalid-argument', 'This network was made by another version and takes other channels: it cannot go on.');
  const accepted = config.cases.length === 0 ? null : await readLooks(config.cases, config, seed, context);
  const side = before?.card.patch[0] ?? freshSide;
  const generated = (draw: number): PointedCase => generatedVolume((seed * 0x0100_0000 + draw) % firstWatched, side);
  const architecture = before?.card.architecture ?? variant(config.variant, 2, promptChannels.length);
  const outcome = await trainPrompts(
    {
      executor,
      architecture,
      side,
      batch,
      seed,
      cases: accepted === null ? generated : acceptedCases(accepted.looks, side, seed),
      casesName: [accepted === null ? 'generated volumes' : accepted.hash, ...(before === null ? [] : [before.weightsHash])].join(
        ' after ',
      ),
      watched: Array.from({ length: watchedCases }, (_, n) => generatedVolume(firstWatched + n, side)),
      learningRate: before === null ? rates.fresh : rates.goesOn,
      ...(before !== null && { start: before.weights }),
      budget,
      ...(config.checkpointSeconds !== undefined && { checkpointSeconds: config.checkpointSeconds }),
      store: fileStore(checkpointFolder),
      memoryBudgetBytes: defaultMemoryBudget(executor),
    },
    context,
  );
  const entry = entryOf(config, outcome, accepted);
  const card = before === null ? freshCard(config, architecture) : before.card;
  await saveModel(outFolder, { ...card, history: [...card.history, entry] }, outcome.weights);
  const { steps, seconds, dice } = outcome;
  return { device: executor.description, steps, seconds, dice, cases: accepted?.cases ?? 0, structures: accepted?.looks.length ?? 0 };
}

/** What it saw, without a word of whose it was. */
function entryOf(
  { seed, batch, cases }: TrainPromptsConfig,
  { steps, seconds, dice }: PromptTrainingOutcome,
  accepted: Looks | null,
): TrainingHistoryEntry {
  return {
    startedAt: new Date(Date.now() - seconds * 1000).toISOString(),
    minutes: seconds / 60,
    steps,
    seed,
    cases: accepted === null ? steps * batch : accepted.cases,
    validationDice: dice,
    note:
      accepted === null
        ? 'generated volumes alone; Dice on others of them, by number of clicks'
        : `${String(accepted.looks.length)} structures of ${String(accepted.cases)} of ${String(cases.length)} accepted cases, and generated volumes between; Dice on others of these, by number of clicks`,
  };
}

function freshCard({ variant: name, seed }: TrainPromptsConfig, architecture: ArchitectureConfig): ModelCard {
  const intensity = { kind: 'zscore', lowPercentile: 1, highPercentile: 99 } as const;
  return {
    format: 1,
    kind: 'prompts',
    variant: name,
    architecture,
    labelSet: { labels: [{ value: 1, name: 'What was meant', color: '#ffb000', locked: false }] },
    classToLabel: [0, 1],
    spacing: [1, 1, 1],
    intensity,
    channels: promptChannels.map((channel) => ({ name: channel, intensity })),
    patch: [freshSide, freshSide, freshSide],
    datasetHash: createHash('sha256')
      .update(`generated volumes ${String(seed)}`)
      .digest('hex'),
    history: [],
  };
}
