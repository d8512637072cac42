import { createHash } from 'node:crypto';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { saveModel } from '#main/model/modelFolder.ts';
import { variant } from '#main/model/variants.ts';
import { defaultMemoryBudget } from '#main/training/memoryBudget.ts';
import { fileStore } from '#main/training/preparation/checkpointFolder.ts';
import { generatedVolume } from '#main/training/prompts/generatedVolume.ts';
import { trainPrompts, type PromptTrainingOutcome } from '#main/training/prompts/promptTraining.ts';
import { trainPromptsRequest, type TrainPromptsConfig, type TrainPromptsResult } from '../requests/trainPrompts.ts';
import type { Task } from '../task.ts';

/** Voxels of a side of the cube that the network is asked about. */
const side = 32;
const watchedCases = 10;
/** Seeds of generated volumes that are watched begin here; those that train lie below. */
const firstWatched = 0xf000_0000;

/** Trains a prompt network on generated volumes alone: `outFolder` gets `model.json` and `weights.safetensors`. */
export const trainPromptsTask: Task<TrainPromptsConfig, TrainPromptsResult> = {
  kind: 'trainPrompts',
  parse: trainPromptsRequest.parse,
  run: (context) => {
    const { config, checkpointFolder, outFolder } = context;
    return withExecutor(config, async (executor) => {
      const architecture = variant(config.variant, 2, promptChannels.length);
      const outcome = await trainPrompts(
        {
          executor,
          architecture,
          side,
          batch: config.batch,
          seed: config.seed,
          cases: (draw) => generatedVolume((config.seed * 0x0100_0000 + draw) % firstWatched, side),
          casesName: 'generated volumes',
          watched: Array.from({ length: watchedCases }, (_, n) => generatedVolume(firstWatched + n, side)),
          learningRate: 4e-3,
          budget: config.budget,
          ...(config.checkpointSeconds !== undefined && { checkpointSeconds: config.checkpointSeconds }),
          store: fileStore(checkpointFolder),
          memoryBudgetBytes: defaultMemoryBudget(executor),
        },
        context,
      );
      await saveModel(outFolder, cardOf(config, outcome), outcome.weights);
      const { steps, seconds, dice } = outcome;
      return { device: executor.description, steps, seconds, dice };
    });
  },
};

function cardOf({ variant: name, seed, batch }: TrainPromptsConfig, { steps, seconds, dice }: PromptTrainingOutcome): ModelCard {
  const intensity = { kind: 'zscore', lowPercentile: 1, highPercentile: 99 } as const;
  return {
    format: 1,
    kind: 'prompts',
    variant: name,
    architecture: variant(name, 2, promptChannels.length),
    labelSet: { labels: [{ value: 1, name: 'What was meant', color: '#ffb000', locked: false }] },
    classToLabel: [0, 1],
    spacing: [1, 1, 1],
    intensity,
    channels: promptChannels.map((channel) => ({ name: channel, intensity })),
    patch: [side, side, side],
    datasetHash: createHash('sha256')
      .update(`generated volumes ${String(seed)}`)
      .digest('hex'),
    history: [
      {
        startedAt: new Date(Date.now() - seconds * 1000).toISOString(),
        minutes: seconds / 60,
        steps,
        seed,
        cases: steps * batch,
        validationDice: dice,
        note: 'generated volumes alone; Dice on others of them, by number of clicks',
      },
    ],
  };
}
