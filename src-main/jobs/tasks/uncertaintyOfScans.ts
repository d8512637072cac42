import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { slidingWindow } from '#main/inference/slidingWindow.ts';
import { mirror } from '#main/inference/windows.ts';
import type { Weights } from '#main/model/weights.ts';
import { disagreement, foregroundUncertainty } from '#main/ranking/uncertainty.ts';
import { CaseReader } from '#main/training/caseFile.ts';
import type { TaskContext } from '../task.ts';
import type { PreparedScan } from './clusterScans.ts';
import type { Lab } from './experimentLab.ts';
import { mirrorAxesFor } from './train.ts';

/** 'entropy': mean entropy of the mirrored predictions' average, in the foreground. 'disagreement': where the mirrored prediction differs. */
export type UncertaintyMeasure = 'entropy' | 'disagreement';

/** How much a network doubts what it sees in prepared scans, 0..1 by scan. */
export async function uncertaintyOfScans(
  { cancellation, turn }: Pick<TaskContext<never>, 'cancellation' | 'turn'>, lab: Lab, scans: readonly PreparedScan[], weights: Weights, measure: UncertaintyMeasure,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const predictor = await NetworkPredictor.create(lab.executor, lab.architecture, lab.plan.patch, weights);
  const common = { overlap: 0.25, cancellation, turn };
  try {
    for (const { id, file } of scans) {
      const reader = new CaseReader(file);
      const { size, scale, offset } = reader.header;
      const image = Float32Array.from(reader.image({ low: [0, 0, 0], size }), (stored) => stored * scale + offset);
      reader.close();
      if (measure === 'entropy') {
        const { classes, uncertainty } = await slidingWindow(image, size, predictor, { ...common, mirrorAxes: mirrorAxesFor(lab.labelSet), uncertainty: true });
        if (uncertainty !== undefined) found.set(id, foregroundUncertainty(classes, uncertainty));
      } else {
        const turned = new Float32Array(image.length);
        mirror(image, 1, size, [0], turned);
        const straight = (await slidingWindow(image, size, predictor, common)).classes;
        mirror(Float32Array.from((await slidingWindow(turned, size, predictor, common)).classes), 1, size, [0], turned);
        found.set(id, disagreement(straight, turned));
      }
    }
    return found;
  } finally {
    predictor.dispose();
  }
}
