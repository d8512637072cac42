import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { CaseMetrics } from '#shared/domain/comparison.ts';
import { compareLabels } from '#shared/domain/metrics.ts';
import type { CaseFiles } from '#shared/domain/trainingCase.ts';
import type { Work } from '#shared/domain/work.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { openScanPredictor } from '#main/inference/scanPredictor.ts';
import { loadAnyModel } from '#main/model/modelFolder.ts';
import { readMask } from '#main/imageio/readMask.ts';
import { readForModel } from './modelImages.ts';

export interface MeasuredCase extends CaseFiles {
  readonly id: string;
  readonly name: string;
  readonly mask: string | readonly string[];
}

export interface MeasureOptions {
  readonly distances?: boolean;
  /** Average over mirrored predictions, as predictions for people do. */
  readonly mirror?: boolean;
  readonly phase: string;
  /** The values of each label's region, where some lie inside others. */
  readonly regions?: ReadonlyMap<number, readonly number[]> | undefined;
  /** Value of voxels that nobody marked: they do not count. */
  readonly ignore?: number | undefined;
}

/**
 * How a stored model does on cases with masks, label by label, on each image's own grid, so that models of other spacings and patches
 * compare. Values are those of the masks, for all of `labels`.
 */
export async function measureModel(
  executor: Executor,
  modelFolder: string,
  cases: readonly MeasuredCase[],
  labels: readonly number[],
  options: MeasureOptions,
  context: Pick<Work, 'cancellation' | 'report' | 'turn'>,
): Promise<CaseMetrics[]> {
  const predictor = await openScanPredictor(executor, await loadAnyModel(modelFolder));
  try {
    const measured: CaseMetrics[] = [];
    for (const [index, each] of cases.entries()) {
      throwIfCancelled(context.cancellation);
      const { grid, images } = await readForModel(each, predictor.channels, context.cancellation);
      const { volume: truth } = await readMask(each.mask, context.cancellation);
      const { labels: predicted } = await predictor.predict(images, {
        overlap: 0.5,
        mirror: options.mirror === true,
        cancellation: context.cancellation,
        turn: context.turn,
      });
      for (let at = 0; options.ignore !== undefined && at < truth.data.length; at++)
        if (truth.data[at] === options.ignore) truth.data[at] = predicted.data[at] = 0;
      const metrics = compareLabels(truth.data, predicted.data, grid.size, spacingOf(grid), labels, {
        distances: options.distances !== false,
        regions: options.regions,
      });
      measured.push({ caseId: each.id, metrics });
      context.report({ phase: options.phase, fraction: (index + 1) / cases.length, detail: each.name });
    }
    return measured;
  } finally {
    predictor.dispose();
  }
}
