import type { Volume } from '#shared/geometry/grid.ts';
import type { Box } from '#shared/segmentation/box.ts';
import type { LabelLook } from '../vtk/layers.ts';

/** How a voxel of the correction differs from the prediction. */
export const differenceValues = { same: 0, added: 1, removed: 2, relabelled: 3 } as const;

export const differenceLooks: readonly LabelLook[] = [
  { value: differenceValues.added, color: '#33bbee', visible: true },
  { value: differenceValues.removed, color: '#ee7733', visible: true },
  { value: differenceValues.relabelled, color: '#ee3377', visible: true },
];

/** Recomputes the difference inside a box. The three volumes share one grid. */
export function updateDifference(target: Volume<Uint8Array>, mask: Volume<Uint8Array>, prediction: Volume<Uint8Array>, box: Box): void {
  const [ni, nj] = mask.grid.size;
  const { lower, upper } = box;
  for (let k = lower[2]; k < upper[2]; k++) {
    for (let j = lower[1]; j < upper[1]; j++) {
      const row = (k * nj + j) * ni;
      for (let at = row + lower[0]; at < row + upper[0]; at++) {
        const now = mask.data[at];
        const predicted = prediction.data[at];
        target.data[at] =
          now === predicted
            ? differenceValues.same
            : predicted === 0
              ? differenceValues.added
              : now === 0
                ? differenceValues.removed
                : differenceValues.relabelled;
      }
    }
  }
}

/** Script milliseconds between two looks at the clock. */
const share = 6;

/** The difference everywhere, a few slices at a time, so that the window goes on answering. Resolves to false once `givenUp` says so. */
export async function wholeDifference(
  target: Volume<Uint8Array>,
  mask: Volume<Uint8Array>,
  prediction: Volume<Uint8Array>,
  givenUp: () => boolean,
): Promise<boolean> {
  const [ni, nj, nk] = mask.grid.size;
  for (let k = 0; k < nk;) {
    const started = performance.now();
    while (k < nk && performance.now() - started < share) {
      updateDifference(target, mask, prediction, { lower: [0, 0, k], upper: [ni, nj, k + 1] });
      k++;
    }
    await new Promise((done) => {
      setTimeout(done);
    });
    if (givenUp()) return false;
  }
  return true;
}
