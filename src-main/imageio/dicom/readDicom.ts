import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { memorySize } from '#shared/base/bytes.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import { filesBelow } from '#main/files/filesBelow.ts';
import { hashOfVolume } from '../combinedHash.ts';
import { asFileError, invalidFile, unsupportedFile } from '../failure.ts';
import { checkedVolume, voxelBytes } from '../checkVolume.ts';
import type { DecodedImage, DecodeLimits, DicomSource, PatientIdentity } from '../types.ts';
import { describeDicomFile, type Described } from './describe.ts';
import type { DicomDataset } from './dataset.ts';
import { groupFrames, stackFrames, volumesIn, type Stack } from './geometry.ts';
import { parseDicom } from './parse.ts';
import { readSegmentation } from './readSegmentation.ts';
import { readStructureSet } from './readStructureSet.ts';
import { seriesOf } from './seriesOf.ts';
import { readStackVoxels } from './stackVoxels.ts';
import type { Frame } from './frames.ts';

export interface DicomOptions {
  readonly identity: boolean;
  /** SeriesInstanceUID, where several lie together. */
  readonly series: string | null;
  /** Which volume of a series that holds several, from 1. */
  readonly volume: number | null;
  /** The images' voxels, for contours. */
  readonly grid: Grid | null;
}

/**
 * Reads one DICOM series from its files or from a folder of mixed files, or a DICOM SEG from its file. Throws `conflict` where a folder
 * holds several series, otherwise `invalid-file` or `unsupported`.
 */
export async function readDicom(paths: readonly string[], limits: DecodeLimits, options: DicomOptions): Promise<DecodedImage> {
  const name = paths[0] as string;
  const described: Described[] = [];
  const reasons: StudioError[] = [];
  for (const path of await filesOf(paths)) {
    try {
      described.push(await describeDicomFile(path));
    } catch (error) {
      const reason = asFileError(path, error);
      // Of a series that was named file by file, none may be missed because the disk or share is away.
      if (paths.length > 1 && (reason.code === 'not-found' || reason.code === 'io')) throw reason;
      reasons.push(reason);
    }
  }
  const segmentation = described.find((one) => one.kind === 'segmentation');
  if (segmentation && !described.some((one) => one.kind === 'frames')) return readSegmentation(segmentation.path, limits);
  const structures = described.find((one) => one.kind === 'structures');
  if (structures && !described.some((one) => one.kind === 'frames')) return readStructureSet(structures.path, options.grid);
  const warnings =
    reasons.length > 0 && described.length > 0
      ? [`${reasons.length} ${reasons.length === 1 ? 'file' : 'files'} beside the series could not be read.`]
      : [];
  const frames = described.flatMap((one) => (one.kind === 'frames' ? one.frames : []));
  const group = options.volume === null ? chosenGroup(name, frames, options.series, warnings) : volumesIn(frames)[options.volume - 1];
  if (!group) {
    const [other] = described;
    if (other?.kind === 'other') throw unsupportedFile(other.path, other.reason);
    throw reasons[0] ?? unsupportedFile(name, 'holds no DICOM images.');
  }
  const stack = stackFrames(name, group, warnings);
  voxelBytesWithin(name, stack, limits);
  const { data, contentHash } = await readStackVoxels(stack, warnings);
  const volume = checkedVolume(name, stack.grid, data, warnings);
  const first = stack.frames[0] as Frame;
  const image = {
    volume,
    modality: first.modality,
    format: 'dicom',
    contentHash: options.volume === null ? contentHash : hashOfVolume(contentHash, options.volume),
    warnings,
    source: sourceOf(stack),
  } as const;
  const dataset = await firstDataset(first.path);
  const series = dataset === undefined ? {} : { series: seriesOf(dataset) };
  return { ...image, ...series, ...(options.identity && { identity: identityOf(dataset) }) };
}

function voxelBytesWithin(path: string, { grid }: Stack, { maxBytes }: DecodeLimits): void {
  const bytes = voxelBytes(path, grid.size, 'int16');
  if (bytes > maxBytes) throw invalidFile(path, `needs ${memorySize(bytes)} of memory, more than the limit of ${memorySize(maxBytes)}.`);
}

async function filesOf(paths: readonly string[]): Promise<readonly string[]> {
  const [first] = paths;
  if (paths.length > 1 || first === undefined || !(await stat(first)).isDirectory()) return paths;
  const files = (await filesBelow(first)).filter((path) => !basename(path).startsWith('.')).sort();
  if (files.length === 0) throw invalidFile(first, 'is an empty folder.');
  return files;
}

/** The frames to read: the only series, or the wanted one; of a series that mixes geometries the largest part, which must be most of it. */
function chosenGroup(name: string, frames: readonly Frame[], series: string | null, warnings: string[]): Frame[] | null {
  const wanted = series === null ? frames : frames.filter((frame) => frame.seriesInstanceUid === series);
  if (wanted.length === 0) return null;
  const count = new Set(wanted.map((frame) => frame.seriesInstanceUid)).size;
  if (count > 1)
    throw new StudioError('conflict', `${count} different series lie together here; import the folder, or choose one of them.`);
  const [largest, ...others] = groupFrames(wanted).sort((a, b) => b.length - a.length);
  const left = others.reduce((sum, group) => sum + group.length, 0);
  if (!largest) return null;
  if (left > 0 && largest.length <= 2 * left) {
    throw unsupportedFile(
      name,
      `mixes ${1 + others.length} orientations, sizes or time points in one series (${[largest, ...others]
        .slice(0, 6)
        .map((group) => group.length)
        .join(', ')} slices); separate them first.`,
    );
  }
  if (left > 0)
    warnings.push(
      `${left} ${left === 1 ? 'slice' : 'slices'} of another orientation, size or time point (a scout view) ${left === 1 ? 'was' : 'were'} left out.`,
    );
  return largest;
}

function sourceOf({ frames }: Stack): DicomSource {
  const first = frames[0] as Frame;
  return {
    studyInstanceUid: first.studyInstanceUid,
    seriesInstanceUid: first.seriesInstanceUid,
    frameOfReferenceUid: first.frameOfReferenceUid,
    sopClassUid: first.sopClassUid,
    instances: frames.map(({ sopInstanceUid, isMultiFrame, index }) =>
      isMultiFrame ? { sopInstanceUid, frame: index + 1 } : { sopInstanceUid },
    ),
  };
}

async function firstDataset(path: string): Promise<DicomDataset | undefined> {
  return parseDicom(path, new Uint8Array(await readFile(path)))?.dataset;
}

function identityOf(dataset: DicomDataset | undefined): PatientIdentity {
  const text = (keyword: Parameters<NonNullable<typeof dataset>['string']>[0]): string => dataset?.string(keyword) ?? '';
  return {
    patientName: text('PatientName'),
    patientId: text('PatientID'),
    patientBirthDate: text('PatientBirthDate'),
    patientSex: text('PatientSex'),
    studyDate: text('StudyDate'),
    studyDescription: text('StudyDescription'),
    accessionNumber: text('AccessionNumber'),
  };
}
