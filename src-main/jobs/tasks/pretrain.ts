import { variant } from '#main/model/variants.ts';
import { pretrainScans } from '#main/training/pretrained/pretrainScans.ts';
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
      const { labelSet, patch } = config;
      const classToLabel = [0, ...labelSet.labels.map(({ value }) => value).sort((a, b) => a - b)];
      const result = await pretrainScans(
        {
          executor,
          batch: config.batch,
          scans: prepared,
          pretrainedFolder: config.learnedFolder,
          budget: config.budget,
          seed: config.seed,
          card: {
            format: 1,
            variant: config.variant,
            architecture: variant(config.variant, classToLabel.length, config.channels?.length),
            labelSet,
            classToLabel,
            spacing: config.spacing,
            intensity: config.intensity,
            ...(config.channels && { channels: config.channels }),
            patch,
          },
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
