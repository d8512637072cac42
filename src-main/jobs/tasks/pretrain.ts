import { variant } from '#main/model/variants.ts';
import { pretrainScans } from '#main/training/pretrained/pretrainScans.ts';
import { cardOf } from '#main/training/trainingPlan.ts';
import { pretrainRequest, type PretrainConfig, type PretrainResult } from '../requests/pretrain.ts';
import type { Task } from '../task.ts';
import { withPreparedScans } from './withPreparedScans.ts';

/** Clusters scans and pre-trains a backbone on them. */
export const pretrainTask: Task<PretrainConfig, PretrainResult> = {
  kind: 'pretrain',
  parse: pretrainRequest.parse,
  run: (context) =>
    withPreparedScans(context, context.config, async (executor, prepared) => {
      const { config } = context;
      const { labelSet } = config;
      const classToLabel = [0, ...labelSet.labels.map(({ value }) => value).sort((a, b) => a - b)];
      const architecture = variant(config.variant, classToLabel.length, config.channels?.length);
      const result = await pretrainScans(
        {
          executor,
          batch: config.batch,
          scans: prepared,
          pretrainedFolder: config.learnedFolder,
          budget: config.budget,
          seed: config.seed,
          card: cardOf({ variant: config.variant, architecture, labelSet, classToLabel }, config),
          clusterers: config.clusterers,
          masking: config.masking ? undefined : null,
        },
        context,
      );
      return {
        scans: prepared.length,
        steps: result.steps,
        backbone: result.folder,
        sentence: result.fit.sentence,
        clusterers: config.clusterers ?? result.fit.clusterers,
        clusters: result.fit.clusters,
        loss: result.loss,
      };
    }),
};
