import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { slidingWindow } from '#main/inference/slidingWindow.ts';
import { mirror } from '#main/inference/windows.ts';
import type { Weights } from '#main/model/weights.ts';
import { disagreement, foregroundUncertainty, uncertaintyByClass } from '#main/ranking/uncertainty.ts';
import { CaseReader } from '#main/training/patches/caseFile.ts';
import type { PreparedScan } from '#main/training/preparation/scans.ts';
import type { Lab } from './experimentLab.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Work } from '#shared/domain/work.ts';

/** 'entropy': mean entropy of the mirrored predictions' average, in the foreground. 'disagreement': where the mirrored prediction differs. */
export type UncertaintyMeasure = 'entropy' | 'disagreement';

type Caller = Pick<Work, 'cancellation' | 'turn'>;

/** How much a network doubts what it sees in prepared scans, 0..1 by scan. */
export function uncertaintyOfScans(
  caller: Caller,
  lab: Lab,
  scans: readonly PreparedScan[],
  weights: Weights,
  measure: UncertaintyMeasure,
): Promise<Map<string, number>> {
  return lookAtScans(lab, scans, weights, async (image, size, predictor) => {
    if (measure === 'entropy') {
      const { classes, uncertainty } = await mirrored(caller, lab, image, size, predictor);
      return foregroundUncertainty(classes, uncertainty);
    }
    const channels = lab.architecture.inChannels;
    const turned = new Float32Array(image.length);
    mirror(image, channels, size, [0], turned);
    const straight = (await slidingWindow(image, size, predictor, { ...caller, overlap })).classes;
    const back = new Float32Array(straight.length);
    mirror(Float32Array.from((await slidingWindow(turned, size, predictor, { ...caller, overlap })).classes), 1, size, [0], back);
    return disagreement(straight, back);
  });
}

/** The entropy by class, background left out; null for one that is not predicted. */
export function classDoubtsOfScans(
  caller: Caller,
  lab: Lab,
  scans: readonly PreparedScan[],
  weights: Weights,
): Promise<Map<string, (number | null)[]>> {
  return lookAtScans(lab, scans, weights, async (image, size, predictor) => {
    const { classes, uncertainty } = await mirrored(caller, lab, image, size, predictor);
    return uncertaintyByClass(classes, uncertainty, lab.architecture.classes);
  });
}

const overlap = 0.25;

async function mirrored(caller: Caller, lab: Lab, image: Float32Array, size: Triple, predictor: NetworkPredictor) {
  const { classes, uncertainty } = await slidingWindow(image, size, predictor, {
    ...caller,
    overlap,
    mirrorAxes: mirrorAxesFor(lab.labelSet, lab.plan),
    uncertainty: true,
  });
  return { classes, uncertainty: uncertainty ?? new Uint8Array(classes.length) };
}

async function lookAtScans<T>(
  lab: Lab,
  scans: readonly PreparedScan[],
  weights: Weights,
  look: (image: Float32Array, size: Triple, predictor: NetworkPredictor) => Promise<T>,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  const predictor = await NetworkPredictor.create(lab.executor, lab.architecture, lab.plan.patch, weights);
  const channels = Array.from({ length: lab.architecture.inChannels }, (_, n) => n);
  try {
    for (const { id, file } of scans) {
      const reader = new CaseReader(file);
      const { size } = reader.header;
      const image = reader.intensities({ low: [0, 0, 0], size }, channels);
      reader.close();
      found.set(id, await look(image, size, predictor));
    }
    return found;
  } finally {
    predictor.dispose();
  }
}
