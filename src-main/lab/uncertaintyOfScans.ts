import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { slidingWindow } from '#main/inference/slidingWindow.ts';
import { mirror } from '#main/inference/windows.ts';
import type { Weights } from '#main/model/weights.ts';
import { disagreement, foregroundUncertainty } from '#main/ranking/uncertainty.ts';
import { CaseReader } from '#main/training/patches/caseFile.ts';
import type { PreparedScan } from '#main/training/preparation/scans.ts';
import type { Lab } from './experimentLab.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import type { Work } from '#shared/domain/work.ts';

/** 'entropy': mean entropy of the mirrored predictions' average, in the foreground. 'disagreement': where the mirrored prediction differs. */
export type UncertaintyMeasure = 'entropy' | 'disagreement';

/** How much a network doubts what it sees in prepared scans, 0..1 by scan. */
export async function uncertaintyOfScans(
  { cancellation, turn }: Pick<Work, 'cancellation' | 'turn'>,
  lab: Lab,
  scans: readonly PreparedScan[],
  weights: Weights,
  measure: UncertaintyMeasure,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const predictor = await NetworkPredictor.create(lab.executor, lab.architecture, lab.plan.patch, weights);
  const channels = Array.from({ length: lab.architecture.inChannels }, (_, n) => n);
  const common = { overlap: 0.25, cancellation, turn };
  try {
    for (const { id, file } of scans) {
      const reader = new CaseReader(file);
      const { size } = reader.header;
      const image = reader.intensities({ low: [0, 0, 0], size }, channels);
      reader.close();
      if (measure === 'entropy') {
        const { classes, uncertainty } = await slidingWindow(image, size, predictor, {
          ...common,
          mirrorAxes: mirrorAxesFor(lab.labelSet, lab.plan),
          uncertainty: true,
        });
        if (uncertainty !== undefined) found.set(id, foregroundUncertainty(classes, uncertainty));
      } else {
        const turned = new Float32Array(image.length);
        mirror(image, channels.length, size, [0], turned);
        const straight = (await slidingWindow(image, size, predictor, common)).classes;
        const back = new Float32Array(straight.length);
        mirror(Float32Array.from((await slidingWindow(turned, size, predictor, common)).classes), 1, size, [0], back);
        found.set(id, disagreement(straight, back));
      }
    }
    return found;
  } finally {
    predictor.dispose();
  }
}
