import { readFile, stat } from 'node:fs/promises';
import { readHead } from '../detect.ts';
import { invalidFile } from '../failure.ts';
import { uids } from './dictionary.ts';
import { framesOf, type Frame } from './frames.ts';
import { parseDicom, type DicomFile } from './parse.ts';

/** What a DICOM file holds, without its pixels. */
export type Described =
  | { readonly kind: 'frames'; readonly path: string; readonly frames: readonly Frame[] }
  | { readonly kind: 'segmentation'; readonly path: string; readonly seriesNumber: number }
  | { readonly kind: 'other'; readonly path: string; readonly reason: string };

const prefixBytes = 1 << 16;
/** Node reads no larger file at once. */
const largestFile = 2 ** 31 - 1;

/** Reads the attributes of a file; only as much of it as they take. Throws `invalid-file`. */
export async function describeDicomFile(path: string): Promise<Described> {
  const file = (await parsedPrefix(path)) ?? (await parsedWhole(path)).file;
  const { dataset } = file;
  const sopClass = dataset.string('SOPClassUID');
  if (sopClass === uids.segmentation || sopClass === uids.labelMapSegmentation) return { kind: 'segmentation', path, seriesNumber: dataset.number('SeriesNumber', 0) };
  const result = framesOf(file);
  return 'frames' in result ? { kind: 'frames', path, frames: result.frames } : { kind: 'other', path, reason: result.reason };
}

async function parsedPrefix(path: string): Promise<DicomFile | null> {
  const prefix = await readHead(path, prefixBytes);
  return prefix.length < prefixBytes ? null : parseDicom(path, prefix, true);
}

/** A whole file and its bytes. Throws `invalid-file`. */
export async function parsedWhole(path: string): Promise<{ file: DicomFile; bytes: Uint8Array }> {
  const { size } = await stat(path);
  if (size > largestFile) throw invalidFile(path, 'is larger than 2 GiB, more than is read from one DICOM file.');
  const buffer = await readFile(path);
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const file = parseDicom(path, bytes);
  if (!file) throw invalidFile(path, 'is no DICOM file, or it is damaged.');
  return { file, bytes };
}
