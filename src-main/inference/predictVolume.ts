import { must } from '#shared/base/assert.ts';
import { intensityRules, type ModelCard } from '#shared/domain/modelCard.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { resampleLabels, resampleVolume } from '#shared/geometry/resample.ts';
import { prepareImages } from './prepareVolume.ts';
import { slidingWindow, type PatchPredictor, type SlidingWindowOptions } from './slidingWindow.ts';

export interface VolumePrediction {
  /** Label values on exactly the image's grid. */
  readonly labels: Volume<Uint8Array>;
  /** Entropy, 0 (sure) to 255, on the image's grid; where asked for. */
  readonly uncertainty: Volume<Uint8Array> | undefined;
}

/**
 * Predicts the images of a case, one for each channel and all on one grid, in whatever orientation and spacing it has. Null: the case lacks it, and zeros
 * stand for it. Throws `invalid-file` where intensities are not finite.
 */
export async function predictVolume(
  images: readonly (Volume | null)[],
  card: ModelCard,
  predictor: PatchPredictor,
  options: SlidingWindowOptions = {},
): Promise<VolumePrediction> {
  const { grid: own } = must(
    images.find((image) => image !== null),
    'an image',
  );
  const { grid, images: channels } = prepareImages(images, card.spacing, intensityRules(card));
  const { classes, uncertainty } = await slidingWindow(joined(channels), grid.size, predictor, options);
  for (let at = 0; at < classes.length; at++) classes[at] = card.classToLabel[classes[at] as number] ?? 0;
  return {
    labels: resampleLabels({ grid, data: classes }, own),
    uncertainty: uncertainty === undefined ? undefined : resampleVolume({ grid, data: uncertainty }, own, 'nearest'),
  };
}

/** One channel after the other. */
function joined(channels: readonly (Float32Array | null)[]): Float32Array {
  const [first] = channels;
  if (channels.length === 1 && first) return first;
  const voxels = channels.find((channel) => channel !== null)?.length ?? 0;
  const data = new Float32Array(channels.length * voxels);
  channels.forEach((channel, n) => {
    if (channel !== null) data.set(channel, n * voxels);
  });
  return data;
}
