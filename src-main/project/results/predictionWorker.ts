/** Worker thread: turns what a prediction job wrote into the layers that a case keeps. See predictionLayers.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { toWireError } from '#shared/base/errors.ts';
import { uncertaintyTour, type UncertainRegion } from '#shared/domain/uncertaintyTour.ts';
import { writeMaskFile } from '#main/document/index.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { closeIdleDecoders } from '#main/imageio/worker/decodeInWorker.ts';
import type { LayersReply, LayersRequest } from './predictionLayers.ts';

async function make({ mask, uncertainty, output }: LayersRequest): Promise<LayersReply> {
  const { volume, labels } = await readLabels(mask);
  const contentHash = await writeMaskFile(output, volume);
  const values = labels.map(({ value }) => value);
  if (uncertainty === null) return { kind: 'done', contentHash, labels: values, uncertainty: 0, regions: [] };
  const map = (await readImage(uncertainty)).volume.data;
  const bytes = map instanceof Uint8Array ? map : Uint8Array.from(map);
  let sum = 0;
  let voxels = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (volume.data[i] === 0) continue;
    sum += bytes[i] ?? 0;
    voxels++;
  }
  const regions: readonly UncertainRegion[] = uncertaintyTour(bytes, volume.grid.size, { limit: 200 });
  return { kind: 'done', contentHash, labels: values, uncertainty: voxels === 0 ? 0 : sum / voxels / 255, regions };
}

make(workerData as LayersRequest)
  .then(
    (reply) => {
      parentPort?.postMessage(reply);
    },
    (error: unknown) => {
      parentPort?.postMessage({ kind: 'failed', error: toWireError(error) } satisfies LayersReply);
    },
  )
  .finally(closeIdleDecoders);
