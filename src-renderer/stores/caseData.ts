import presets from '../../resources/viewer/windowPresets.json' with { type: 'json' };
import { StudioError } from '#shared/base/errors.ts';
import type { CallOptions } from '#shared/contract/contract.ts';
import type { Client } from '#shared/contract/client.ts';
import { applyAffine } from '#shared/geometry/affine.ts';
import { voxelCount, type Grid, type LabelVolume, type LpsPoint, type Volume, type VoxelArray } from '#shared/geometry/grid.ts';
import type { ActivityContext } from './activities.svelte.ts';

type ImageDescription = Awaited<ReturnType<Client['images']['open']>>;
type Prediction = NonNullable<Awaited<ReturnType<Client['predictions']['get']>>>;

const arrays: Record<ImageDescription['voxelType'], new (buffer: ArrayBufferLike) => VoxelArray> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** Memory that the tools' worker can read without a copy, where the page may have it. */
export function sharedMemory(bytes: number): ArrayBufferLike {
  return crossOriginIsolated ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}

interface CaseImage {
  readonly description: ImageDescription;
  readonly volume: Volume;
}

/** Decodes and fetches an image of a case, the leading one unless another is named; null where it is larger than `most` bytes. */
export async function readImage(client: Client, caseId: string, context: ActivityContext): Promise<CaseImage>;
export async function readImage(
  client: Client,
  caseId: string,
  context: ActivityContext,
  most: number,
  imageId?: string,
): Promise<CaseImage | null>;
export async function readImage(
  client: Client,
  caseId: string,
  { signal, report }: ActivityContext,
  most = Infinity,
  imageId?: string,
): Promise<CaseImage | null> {
  const which = { caseId, ...(imageId !== undefined && { imageId }) };
  const description = await client.images.open(which, {
    signal,
    onProgress: ({ phase, fraction }) => report({ phase, fraction: fraction * 0.6 }),
  });
  if (description.byteLength > most) return null;
  const buffer = sharedMemory(description.byteLength);
  const all = new Uint8Array(buffer);
  let received = 0;
  await client.images.read(which, {
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
export async function readPredictionLayer(
  client: Client,
  prediction: Prediction,
  layer: 'labels' | 'uncertainty',
  options: CallOptions = {},
): Promise<Volume<Uint8Array>> {
  const grid = prediction.grid as Grid;
  const data = new Uint8Array(sharedMemory(voxelCount(grid)));
  await client.predictions.read(
    { caseId: prediction.caseId, layer },
    { ...options, onItem: ({ offset, bytes }) => data.set(bytes, offset) },
  );
  return { grid, data };
}

export type WindowPreset = ImageDescription['windows'][number];

/** Clinical presets for what looks like CT (air near -1000), whether or not the file says so; else what the host derived from the values. */
export function windowsOf(description: ImageDescription): readonly WindowPreset[] {
  const low = description.range[0] * description.slope + description.intercept;
  const looksLikeCt = description.modality === 'CT' || (description.modality !== 'MR' && low <= -500 && low >= -3100);
  if (!looksLikeCt) return description.windows;
  const names = new Set(presets.CT.map(({ name }) => name));
  return [...presets.CT, ...description.windows.filter(({ name }) => !names.has(name))];
}

/** A mask that can be corrected on this image. */
export function maskFor({ grid, data }: LabelVolume, image: Volume): Volume<Uint8Array> {
  if (!(data instanceof Uint8Array))
    throw new StudioError('unsupported', 'This mask holds more than 255 labels. Split its labels into two projects.');
  if (data.length !== image.data.length)
    throw new StudioError('corrupt', 'The mask and the image of this case differ in size. Import the case again.');
  return { grid, data };
}

/** World point inside a label, in the middle of its slices; null where it is not in the mask. */
export function middleOf({ grid, data }: Volume<Uint8Array>, label: number): LpsPoint | null {
  const [ni, nj, nk] = grid.size;
  const first = data.indexOf(label);
  if (first < 0) return null;
  const last = data.lastIndexOf(label);
  const k = Math.floor((Math.floor(first / (ni * nj)) + Math.floor(last / (ni * nj))) / 2);
  const slice = data.subarray(k * ni * nj, (k + 1) * ni * nj);
  const at = slice.indexOf(label) < 0 ? first % (ni * nj) : slice.indexOf(label);
  return k < nk ? applyAffine(grid.affine, [at % ni, Math.floor(at / ni), k]) : null;
}

export type { ImageDescription, Prediction };
