import { readFile, stat } from 'node:fs/promises';
import { readHead } from '../detect.ts';
import { invalidFile } from '../failure.ts';
import type { DicomReferences } from '../types.ts';
import type { DicomDataset } from './dataset.ts';
import { uids } from './dictionary.ts';
import { framesOf, type Frame } from './frames.ts';
import { parseDicom, type DicomFile } from './parse.ts';
import { referencesOf } from './structureSet.ts';

/** What a DICOM file holds, without its pixels. */
export type Described =
  | { readonly kind: 'frames'; readonly path: string; readonly frames: readonly Frame[] }
  | {
      readonly kind: 'segmentation' | 'structures';
      readonly path: string;
      readonly seriesNumber: number;
      readonly refersTo: DicomReferences;
    }
  | { readonly kind: 'directory'; readonly path: string; readonly files: readonly string[] }
  | { readonly kind: 'other'; readonly path: string; readonly reason: string };

const prefixBytes = 1 << 16;
/** Node reads no larger file at once. */
const largestFile = 2 ** 31 - 1;

/** Reads the attributes of a file; only as much of it as they take. Throws `invalid-file`. */
export async function describeDicomFile(path: string): Promise<Described> {
  const file = (await parsedPrefix(path)) ?? (await parsedWhole(path)).file;
  const { dataset } = file;
  const sopClass = dataset.string('SOPClassUID');
  if (sopClass === uids.segmentation || sopClass === uids.labelMapSegmentation)
    return { kind: 'segmentation', path, seriesNumber: dataset.number('SeriesNumber', 0), refersTo: referencesOf(dataset) };
  if (sopClass === uids.structureSet)
    return { kind: 'structures', path, seriesNumber: dataset.number('SeriesNumber', 0), refersTo: referencesOf(dataset) };
  if (dataset.string('SOPClassUID') === uids.mediaDirectory || dataset.has('DirectoryRecordSequence'))
    return { kind: 'directory', path, files: filesOfDirectory(dataset) };
  const result = framesOf(file);
  return 'frames' in result ? { kind: 'frames', path, frames: result.frames } : { kind: 'other', path, reason: result.reason };
}

/** What a DICOMDIR names, relative to its folder, with '/' between. */
function filesOfDirectory(dataset: DicomDataset): string[] {
  return dataset
    .items('DirectoryRecordSequence')
    .map((record) => record.strings('ReferencedFileID').join('/'))
    .filter((name) => name !== '');
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
