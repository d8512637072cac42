import { StudioError } from '#shared/base/errors.ts';
import type { CallOptions } from '#shared/contract/contract.ts';
import type { Client } from '#shared/contract/client.ts';
import { voxelCount, type Grid, type Volume, type VoxelArray } from '#shared/geometry/grid.ts';
import type { ActivityContext } from './activities.svelte.ts';

type ImageDescription = Awaited<ReturnType<Client['images']['open']>>;
type Prediction = NonNullable<Awaited<ReturnType<Client['predictions']['get']>>>;

const arrays: Record<ImageDescription['voxelType'], new (buffer: ArrayBufferLike) => VoxelArray> = {
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array,
};

/** Memory that the tools' worker can read without a copy, where the page may have it. */
export function sharedMemory(bytes: number): ArrayBufferLike {
  return crossOriginIsolated ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}

/** Decodes and fetches a case's image. */
export async function readImage(client: Client, caseId: string, { signal, report }: ActivityContext): Promise<{ readonly description: ImageDescription; readonly volume: Volume }> {
  const description = await client.images.open({ caseId }, { signal, onProgress: ({ phase, fraction }) => report({ phase, fraction: fraction * 0.6 }) });
  const buffer = sharedMemory(description.byteLength);
  const all = new Uint8Array(buffer);
  let received = 0;
  await client.images.read({ caseId }, {
    signal,
    onItem: ({ offset, bytes }) => {
      all.set(bytes, offset);
      received += bytes.byteLength;
      report({ phase: 'Reading voxels', fraction: 0.6 + (0.4 * received) / description.byteLength });
    },
  });
  const grid = description.grid as Grid;
  const data = new arrays[description.voxelType](buffer);
  if (data.length !== voxelCount(grid)) throw new StudioError('corrupt', 'The image arrived incomplete. Open the case again.');
  return { description, volume: { grid, data } };
}

/** Fetches one layer of a case's prediction. */
export async function readPredictionLayer(client: Client, prediction: Prediction, layer: 'labels' | 'uncertainty', options: CallOptions = {}): Promise<Volume<Uint8Array>> {
  const grid = prediction.grid as Grid;
  const data = new Uint8Array(sharedMemory(voxelCount(grid)));
  await client.predictions.read({ caseId: prediction.caseId, layer }, { ...options, onItem: ({ offset, bytes }) => data.set(bytes, offset) });
  return { grid, data };
}

export type { ImageDescription, Prediction };
