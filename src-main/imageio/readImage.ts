import { stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { basename, resolve } from 'node:path';
import { changedFile, explained, fileStates } from './knownFiles.ts';
import { decodeInWorker } from './worker/decodeInWorker.ts';
import type { DecodeRequest } from './decode.ts';
import type { LabelOptions, ReadImage, ReadLabels, ReadOptions } from './types.ts';

export type { Combination } from './layeredLabels.ts';
export type {
  DicomReferences,
  DicomSeries,
  DicomSource,
  FileLabel,
  LabelOptions,
  ImageFormat,
  LeadingPlace,
  Modality,
  PatientIdentity,
  ReadImage,
  ReadLabels,
  ReadOptions,
} from './types.ts';

/**
 * Reads an image in a disposable worker: a NIfTI, NRRD, MetaImage or DICOM file, a folder that holds one DICOM series, or the files of a
 * series. Voxels keep their order in the file (DICOM: slices sorted along their normal); the grid says where they lie in LPS millimetres.
 * Throws StudioError: `not-found`, `invalid-file` (damaged or misleading), `unsupported` (in order, but not a single 3-D volume),
 * `conflict` (several series, choose one by `series`), `changed` (not what is expected), `cancelled`; the message names the file.
 */
export async function readImage(path: string | readonly string[], options: ReadOptions = {}): Promise<ReadImage> {
  const read = async () => decodeInWorker('image', requestOf(path, options), await limitsOf(path, options));
  if (options.expectedHash === undefined) return read();
  const paths = listOf(path);
  await fileStates(paths);
  const image = await read().catch(async (error: unknown) => {
    throw await explained(error, paths, options);
  });
  if (image.contentHash !== options.expectedHash) throw changedFile(paths, options.modifiedAt, await fileStates(paths));
  return image;
}

/** Reads a segmentation (any image format, DICOM SEG, or with `grid` RTSTRUCT) as label values, with the names and colours that the file carries. Errors as `readImage`. */
export async function readLabels(path: string | readonly string[], options: LabelOptions = {}): Promise<ReadLabels> {
  const request = { ...requestOf(path, options), grid: options.grid ?? null, overlaps: options.overlaps === true };
  return decodeInWorker('labels', request, await limitsOf(path, options));
}

function requestOf(path: string | readonly string[], { maxBytes, identity = false, series, volume, onto }: ReadOptions): DecodeRequest {
  return {
    paths: listOf(path).map((one) => resolve(one)),
    maxBytes: maxBytes ?? totalmem() / 2,
    identity,
    series: series ?? null,
    volume: volume ?? null,
    grid: null,
    onto: onto ?? null,
  };
}

async function limitsOf(path: string | readonly string[], { cancellation, timeoutMs }: ReadOptions) {
  const paths = listOf(path);
  return {
    timeoutMs: timeoutMs ?? (await defaultTimeout(paths)),
    subject: basename(paths[0] ?? ''),
    ...(cancellation ? { cancellation } : {}),
  };
}

/** Half a minute, plus what a slow disk and a slow codec take for the bytes that are there. */
async function defaultTimeout(paths: readonly string[]): Promise<number> {
  const [first] = paths;
  const bytes =
    first === undefined
      ? 0
      : await stat(first).then(
          (found) => (found.isDirectory() ? 2 ** 30 : found.size),
          () => 0,
        );
  return 30_000 + (bytes * paths.length) / 2000;
}

function listOf(path: string | readonly string[]): readonly string[] {
  return typeof path === 'string' ? [path] : path;
}
