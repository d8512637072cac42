import { must } from '#shared/base/assert.ts';
import { channelsOfModelCard, takenOf } from '#shared/domain/modelChannels.ts';
import { partsOf, type StoredJoined, type StoredNetwork } from '#main/model/modelFolder.ts';
import { unlikeCard } from './scanLook.ts';
import type { VolumePrediction } from './predictVolume.ts';
import type { ScanPredictor } from './scanPredictor.ts';

/**
 * Joined models, one after the other: of the networks only one is on the device, and the labels are merged as they come. A later part is written over an
 * earlier one; what is unsure in any of them is unsure.
 */
export function joinedPredictor(model: StoredJoined, open: (part: StoredNetwork) => Promise<ScanPredictor>): ScanPredictor {
  const parts = partsOf(model);
  const channels = channelsOfModelCard(model.card);
  const taken = parts.map(({ card }) => takenOf(channelsOfModelCard(card), channels));
  return {
    labelSet: model.card.labelSet,
    channels,
    unlike: (first, modality) => [...new Set(parts.flatMap(({ card }) => unlikeCard(card, first, modality)))],
    predict: async (images, { onProgress, ...options } = {}) => {
      let merged: VolumePrediction | undefined;
      for (const [index, part] of parts.entries()) {
        const predictor = await open(part);
        try {
          const own = await predictor.predict(
            must(taken[index], 'images of a part').map((channel) => images[channel] ?? null),
            { ...options, ...(onProgress && { onProgress: (fraction: number) => onProgress((index + fraction) / parts.length) }) },
          );
          merged = merged === undefined ? own : mergedOver(merged, own);
        } finally {
          predictor.dispose();
        }
      }
      return must(merged, 'a part');
    },
    dispose: () => undefined,
  };
}

/** In place of the first: where the second has a label, it counts. */
function mergedOver(below: VolumePrediction, above: VolumePrediction): VolumePrediction {
  const { data } = below.labels;
  above.labels.data.forEach((label, at) => {
    if (label > 0) data[at] = label;
  });
  const unsure = above.uncertainty?.data;
  if (unsure !== undefined) below.uncertainty?.data.forEach((value, at, all) => (all[at] = Math.max(value, unsure[at] ?? 0)));
  return below;
}
