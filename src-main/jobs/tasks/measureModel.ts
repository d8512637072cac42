import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { CaseMetrics } from '#shared/domain/comparison.ts';
import { compareLabels } from '#shared/domain/metrics.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { predictVolume } from '#main/inference/predictVolume.ts';
import type { TaskContext } from '../task.ts';
import { loadModel } from './modelFolder.ts';
import { readMask } from './readMask.ts';
import { mirrorAxesFor } from './train.ts';

export interface MeasuredCase {
  readonly id: string;
  readonly name: string;
  readonly image: string | readonly string[];
  readonly mask: string | readonly string[];
}

export interface MeasureOptions {
  readonly distances?: boolean;
  /** Average over mirrored predictions, as predictions for people do. */
  readonly mirror?: boolean;
  readonly phase: string;
}

/**
 * How a stored model does on cases with masks, label by label, on each image's own grid, so that models of other spacings and patches
 * compare. Values are those of the masks, for all of `labels`.
 */
export async function measureModel(
  executor: Executor, modelFolder: string, cases: readonly MeasuredCase[], labels: readonly number[], options: MeasureOptions,
  context: Pick<TaskContext<never>, 'cancellation' | 'report' | 'turn'>,
): Promise<CaseMetrics[]> {
  const { card, weights } = await loadModel(modelFolder);
  const predictor = await NetworkPredictor.create(executor, card.architecture, card.patch, weights);
  try {
    const measured: CaseMetrics[] = [];
    for (const [index, each] of cases.entries()) {
      throwIfCancelled(context.cancellation);
      const { volume } = await readImage(each.image, { cancellation: context.cancellation });
      const { volume: truth } = await readMask(each.mask, context.cancellation);
      const { labels: predicted } = await predictVolume(volume, card, predictor, {
        overlap: 0.5, mirrorAxes: options.mirror === true ? mirrorAxesFor(card.labelSet) : [], cancellation: context.cancellation, turn: context.turn,
      });
      const metrics = compareLabels(truth.data, predicted.data, volume.grid.size, spacingOf(volume.grid), labels, { distances: options.distances !== false });
      measured.push({ caseId: each.id, metrics });
      context.report({ phase: options.phase, fraction: (index + 1) / cases.length, detail: each.name });
    }
    return measured;
  } finally {
    predictor.dispose();
  }
}
