import type { ModelCard } from '#shared/domain/modelCard.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { resampleLabels, resampleVolume } from '#shared/geometry/resample.ts';
import { prepareImage } from './prepareVolume.ts';
import { slidingWindow, type PatchPredictor, type SlidingWindowOptions } from './slidingWindow.ts';

export interface VolumePrediction {
  /** Label values on exactly the image's grid. */
  readonly labels: Volume<Uint8Array>;
  /** Entropy, 0 (sure) to 255, on the image's grid; where asked for. */
  readonly uncertainty: Volume<Uint8Array> | undefined;
}

/** Predicts an image in whatever orientation and spacing it has. Throws `invalid-file` where intensities are not finite. */
export async function predictVolume(image: Volume, card: ModelCard, predictor: PatchPredictor, options: SlidingWindowOptions = {}): Promise<VolumePrediction> {
  const prepared = prepareImage(image, card.spacing, card.intensity);
  const { classes, uncertainty } = await slidingWindow(prepared.data, prepared.grid.size, predictor, options);
  for (let at = 0; at < classes.length; at++) classes[at] = card.classToLabel[classes[at] as number] ?? 0;
  return {
    labels: resampleLabels({ grid: prepared.grid, data: classes }, image.grid),
    uncertainty: uncertainty === undefined ? undefined : resampleVolume({ grid: prepared.grid, data: uncertainty }, image.grid, 'nearest'),
  };
}
