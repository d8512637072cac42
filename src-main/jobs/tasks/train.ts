import { labelName } from '#shared/domain/labelSet.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { loadNetwork, saveModel } from '#main/model/modelFolder.ts';
import { isStatistic } from '#main/model/weights.ts';
import { fileStore } from '#main/training/preparation/checkpointFolder.ts';
import { prepare, readPreparation } from '#main/training/preparation/prepare.ts';
import type { TrainingOutcome } from '#main/training/train.ts';
import { byName, trainModel, type TrainedModel } from '#main/training/preparation/trainModel.ts';
import { trainRequest, type TrainTaskConfig, type TrainTaskResult } from '../requests/train.ts';
import type { Task } from '../task.ts';

/** Trains a model on labelled cases: `outFolder` gets `model.json` and `weights.safetensors`. */
export const trainTask: Task<TrainTaskConfig, TrainTaskResult> = {
  kind: 'train',
  parse: trainRequest.parse,
  run: (context) => {
    const begun = performance.now();
    const { config, checkpointFolder, outFolder, alarm } = context;
    return withExecutor({ ...config, alarm }, async (executor) => {
      const from = config.from === undefined ? undefined : await loadNetwork(config.from);
      const preparation =
        (await readPreparation(checkpointFolder)) ?? (await prepare(executor, config, checkpointFolder, from?.card, context));
      const trained = await trainModel(executor, preparation, from, config, fileStore(checkpointFolder), begun, context);
      await saveModel(outFolder, trained.card, trained.weights);
      return makeResult(trained, executor.description);
    });
  },
};

/** Trained numbers; running statistics are none. */
function parameterCount(weights: TrainingOutcome['weights']): number {
  return [...weights].reduce((sum, [name, { data }]) => (isStatistic(name) ? sum : sum + data.length), 0);
}

function makeResult(trained: TrainedModel, device: string): TrainTaskResult {
  const { preparation, outcome } = trained;
  return {
    variant: preparation.variant,
    device,
    steps: outcome.steps,
    keptStep: outcome.keptStep,
    seconds: outcome.seconds,
    trainingCases: preparation.training.length,
    unlabelledScans: preparation.unlabelled?.length ?? 0,
    validationCases: preparation.validation.map(({ name }) => name),
    skipped: preparation.skipped,
    plan: preparation.plan,
    memoryBytes: outcome.arenaBytes,
    dice: byName(trained, 'dice'),
    hd95: byName(trained, 'hd95'),
    meanDice: outcome.validation?.score ?? null,
    parameters: parameterCount(outcome.weights),
    metrics: (outcome.validation?.cases ?? []).flatMap(({ name, metrics }) =>
      metrics.map(({ label, dice, hd95, volumeError }) => ({
        caseId: name,
        label: labelName(preparation.labelSet, preparation.classToLabel[label] ?? 0),
        dice,
        hd95,
        volumeError,
      })),
    ),
    curve: outcome.curve.filter((point) => point.dice !== null),
  };
}
