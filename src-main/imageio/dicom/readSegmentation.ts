import { createHash } from 'node:crypto';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { checkedGrid } from '../checkVolume.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import type { DecodedImage, DecodeLimits, DicomSource, FileLabel } from '../types.ts';
import { hexFromCieLab } from './cielab.ts';
import { decodeFrames } from './codec.ts';
import type { DicomDataset } from './dataset.ts';
import { parsedWhole } from './describe.ts';
import { framesOf, type Frame } from './frames.ts';
import { cross, dot, groupFrames, stackAffine } from './geometry.ts';
import type { DicomFile } from './parse.ts';
import { compressedFrames, isUncompressed, nativeFrame, pixelFormatOf, type PixelFormat } from './pixels.ts';

/**
 * Reads a DICOM SEG (binary, fractional or label map) as one label volume over the slices that it covers; a label's value is its segment
 * number. Slices between covered ones are background. Where segments overlap, the higher number wins, with a warning.
 */
export async function readSegmentation(path: string, limits: DecodeLimits): Promise<DecodedImage> {
  const { file, bytes } = await parsedWhole(path);
  const { dataset } = file;
  const described = framesOf(file);
  if ('reason' in described) throw unsupportedFile(path, described.reason.startsWith('does not say') ? 'is a segmentation of a slide or projection, not of a volume.' : described.reason);
  const [frames, ...others] = groupFrames(described.frames);
  if (!frames || others.length > 0) throw unsupportedFile(path, 'mixes slices of different orientations or sizes, which cannot be read as one volume.');
  const warnings: string[] = [];
  const { grid, slices } = gridOfSegmentation(path, frames);
  if (voxelCount(grid) > limits.maxBytes) throw invalidFile(path, 'needs more memory than the limit.');
  const kind = dataset.string('SegmentationType');
  if (kind !== 'BINARY' && kind !== 'FRACTIONAL' && kind !== 'LABELMAP') throw unsupportedFile(path, `is a segmentation of a type that is not read here (${kind.slice(0, 20)}).`);
  const read = await frameReader(file, pixelFormatOf(file));
  const data = kind === 'LABELMAP' ? labelMap(grid, slices, read) : segments(dataset, grid, slices, read, kind, warnings);
  return {
    volume: { grid, data }, modality: 'unknown', format: 'dicom-seg', contentHash: createHash('sha256').update(bytes).digest('hex'), warnings,
    source: sourceOf(dataset), fileLabels: dataset.items('SegmentSequence').map(labelOf),
  };
}

/** The grid over all slices that are covered, and each frame's slice. */
function gridOfSegmentation(path: string, frames: readonly Frame[]): { grid: Grid; slices: readonly number[] } {
  const first = frames[0] as Frame;
  const normal = cross(first.rowAxis, first.columnAxis);
  const heights = frames.map((frame) => dot(frame.position, normal));
  const distinct = heights.toSorted((a, b) => a - b).filter((height, n, all) => n === 0 || height - (all[n - 1] as number) > 1e-2);
  const lowest = frames[heights.indexOf(distinct[0] as number)] as Frame, highest = frames[heights.lastIndexOf(Math.max(...heights))] as Frame;
  const extent = (distinct.at(-1) as number) - (distinct[0] as number);
  const smallest = Math.min(...distinct.slice(1).map((height, n) => height - (distinct[n] as number)));
  // SpacingBetweenSlices finds the gaps where no two neighbouring slices are covered; positions have the last word.
  const named = first.sliceDistance;
  const mm = distinct.length === 1 ? named || 1 : named > 0 && Math.abs(extent / named - Math.round(extent / named)) < 0.05 && named <= smallest * 1.02 ? named : smallest;
  const count = Math.round(extent / mm) + 1;
  const slices = heights.map((height) => Math.round((height - (distinct[0] as number)) / mm));
  if (heights.some((height, n) => Math.abs(height - (distinct[0] as number) - (slices[n] as number) * mm) > 0.25 * mm)) throw invalidFile(path, 'has slices at uneven distances, which cannot be read as one volume.');
  const step = count === 1 ? scaled(normal, mm) : ([0, 1, 2].map((axis) => ((highest.position[axis] as number) - (lowest.position[axis] as number)) / (count - 1)) as unknown as Triple);
  return { grid: checkedGrid(path, [first.columns, first.rows, count], stackAffine(lowest, step)), slices };
}

type ReadFrame = (index: number) => ArrayLike<number>;

async function frameReader(file: DicomFile, format: PixelFormat): Promise<ReadFrame> {
  const length = format.columns * format.rows;
  if (format.bitsAllocated === 1) {
    if (!isUncompressed(file.transferSyntax)) throw unsupportedFile(file.path, 'compresses single bits, which is not read here.');
    const bits = file.dataset.element('PixelData')?.value ?? new Uint8Array(0);
    const unpacked = new Uint8Array(length);
    return (index) => {
      // Bits run on from frame to frame, the lowest first.
      const start = index * length;
      if (start + length > bits.length * 8) throw invalidFile(file.path, 'breaks off: its pixels are fewer than its header says.');
      for (let n = 0; n < length; n++) unpacked[n] = ((bits[(start + n) >> 3] as number) >> ((start + n) & 7)) & 1;
      return unpacked;
    };
  }
  if (isUncompressed(file.transferSyntax)) return (index) => nativeFrame(file, format, index);
  const decoded = await decodeFrames(file.path, file.transferSyntax, compressedFrames(file), format);
  return (index) => decoded.subarray(index * length, (index + 1) * length);
}

function labelMap(grid: Grid, slices: readonly number[], read: ReadFrame): Uint16Array {
  const data = new Uint16Array(voxelCount(grid));
  slices.forEach((k, index) => { data.set(read(index), k * grid.size[0] * grid.size[1]); });
  return data;
}

function segments(dataset: DicomDataset, grid: Grid, slices: readonly number[], read: ReadFrame, kind: string, warnings: string[]): Uint16Array {
  const data = new Uint16Array(voxelCount(grid));
  const length = grid.size[0] * grid.size[1];
  const threshold = kind === 'FRACTIONAL' ? dataset.number('MaximumFractionalValue', 255) / 2 : 0.5;
  const shared = dataset.item('SharedFunctionalGroupsSequence')?.item('SegmentIdentificationSequence');
  let overlaps = 0;
  dataset.items('PerFrameFunctionalGroupsSequence').forEach((group, index) => {
    const segment = (group.item('SegmentIdentificationSequence') ?? shared)?.number('ReferencedSegmentNumber', 0) ?? 0;
    const pixels = read(index);
    const start = (slices[index] as number) * length;
    for (let n = 0; n < length; n++) {
      if ((pixels[n] as number) < threshold) continue;
      const before = data[start + n] as number;
      if (before !== 0 && before !== segment) overlaps++;
      if (segment > before) data[start + n] = segment;
    }
  });
  if (kind === 'FRACTIONAL') warnings.push('The segmentation stores probabilities; voxels from one half on are taken.');
  if (overlaps > 0) warnings.push(`Segments overlap in ${overlaps} voxels; there the segment of the higher number is taken.`);
  return data;
}

function labelOf(segment: DicomDataset): FileLabel {
  const lab = segment.numbers('RecommendedDisplayCIELabValue');
  const label = { value: segment.number('SegmentNumber', 0), name: segment.string('SegmentLabel') };
  return lab.length === 3 ? { ...label, color: hexFromCieLab(lab as unknown as Triple) } : label;
}

function sourceOf(dataset: DicomDataset): DicomSource {
  const series = dataset.item('ReferencedSeriesSequence');
  const instances = series?.items('ReferencedInstanceSequence') ?? [];
  return {
    studyInstanceUid: dataset.string('StudyInstanceUID'), seriesInstanceUid: series?.string('SeriesInstanceUID') ?? '', frameOfReferenceUid: dataset.string('FrameOfReferenceUID'),
    sopClassUid: instances[0]?.string('ReferencedSOPClassUID') ?? '', instances: instances.map((one) => ({ sopInstanceUid: one.string('ReferencedSOPInstanceUID') })),
  };
}

function scaled(vector: Triple, factor: number): Triple {
  return [vector[0] * factor, vector[1] * factor, vector[2] * factor];
}
