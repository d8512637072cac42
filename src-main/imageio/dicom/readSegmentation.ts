import { createHash } from 'node:crypto';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { checkedGrid } from '../checkVolume.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import { labelCode, type CodePart, type LabelCode } from '../labelCodes.ts';
import type { DecodedImage, DecodeLimits, DicomSource, FileLabel } from '../types.ts';
import { asVoxels } from '../elements.ts';
import { LayeredLabels } from '../layeredLabels.ts';
import { hexFromCieLab } from './cielab.ts';
import { decodeFrames } from './codec.ts';
import type { DicomDataset } from './dataset.ts';
import { parsedWhole } from './describe.ts';
import { uids } from './dictionary.ts';
import { framesOf, type Frame } from './frames.ts';
import { inflatedFrame, unpackedRle } from './frameBytes.ts';
import { cross, dot, groupFrames, stackAffine } from './geometry.ts';
import type { DicomFile } from './parse.ts';
import { compressedFrames, isUncompressed, nativeFrame, pixelFormatOf, type PixelFormat } from './pixels.ts';

/**
 * Reads a DICOM SEG (binary, fractional or label map) as one label volume over the slices that it covers; a label's value is its segment
 * number. Slices between covered ones are background. Where segments overlap, that is kept (`combinations`).
 */
export async function readSegmentation(path: string, limits: DecodeLimits): Promise<DecodedImage> {
  const { file, bytes } = await parsedWhole(path);
  const { dataset } = file;
  const described = framesOf(file);
  if ('reason' in described)
    throw unsupportedFile(
      path,
      described.reason.startsWith('does not say') ? 'is a segmentation of a slide or projection, not of a volume.' : described.reason,
    );
  const [frames, ...others] = groupFrames(described.frames);
  if (!frames || others.length > 0)
    throw unsupportedFile(path, 'mixes slices of different orientations or sizes, which cannot be read as one volume.');
  const warnings: string[] = [];
  const { grid, slices } = gridOfSegmentation(path, frames);
  if (voxelCount(grid) > limits.maxBytes) throw invalidFile(path, 'needs more memory than the limit.');
  const kind = dataset.string('SegmentationType');
  if (kind !== 'BINARY' && kind !== 'FRACTIONAL' && kind !== 'LABELMAP')
    throw unsupportedFile(path, `is a segmentation of a type that is not read here (${kind.slice(0, 20)}).`);
  const read = await frameReader(file, pixelFormatOf(file));
  const labels = kind === 'LABELMAP' ? null : segments(file, grid, slices, read, kind, warnings);
  return {
    volume: { grid, data: labels === null ? labelMap(dataset, grid, slices, read) : labels.data },
    modality: 'unknown',
    format: 'dicom-seg',
    contentHash: createHash('sha256').update(bytes).digest('hex'),
    warnings,
    source: sourceOf(dataset),
    fileLabels: dataset.items('SegmentSequence').map(labelOf),
    ...(labels !== null && { combinations: labels.combinations }),
  };
}

/** The grid over all slices that are covered, and each frame's slice. */
function gridOfSegmentation(path: string, frames: readonly Frame[]): { grid: Grid; slices: readonly number[] } {
  const first = frames[0] as Frame;
  const normal = cross(first.rowAxis, first.columnAxis);
  const heights = frames.map((frame) => dot(frame.position, normal));
  const distinct = heights.toSorted((a, b) => a - b).filter((height, n, all) => n === 0 || height - (all[n - 1] as number) > 1e-2);
  const lowest = frames[heights.indexOf(distinct[0] as number)] as Frame,
    highest = frames[heights.lastIndexOf(Math.max(...heights))] as Frame;
  const extent = (distinct.at(-1) as number) - (distinct[0] as number);
  const smallest = Math.min(...distinct.slice(1).map((height, n) => height - (distinct[n] as number)));
  // SpacingBetweenSlices finds the gaps where no two neighbouring slices are covered; positions have the last word.
  const named = first.sliceDistance;
  const mm =
    distinct.length === 1
      ? named || 1
      : named > 0 && Math.abs(extent / named - Math.round(extent / named)) < 0.05 && named <= smallest * 1.02
        ? named
        : smallest;
  const count = Math.round(extent / mm) + 1;
  const slices = heights.map((height) => Math.round((height - (distinct[0] as number)) / mm));
  if (heights.some((height, n) => Math.abs(height - (distinct[0] as number) - (slices[n] as number) * mm) > 0.25 * mm))
    throw invalidFile(path, 'has slices at uneven distances, which cannot be read as one volume.');
  const step =
    count === 1
      ? scaled(normal, mm)
      : ([0, 1, 2].map(
          (axis) => ((highest.position[axis] as number) - (lowest.position[axis] as number)) / (count - 1),
        ) as unknown as Triple);
  return { grid: checkedGrid(path, [first.columns, first.rows, count], stackAffine(lowest, step)), slices };
}

type ReadFrame = (index: number) => ArrayLike<number>;

async function frameReader(file: DicomFile, format: PixelFormat): Promise<ReadFrame> {
  const length = format.columns * format.rows;
  if (format.bitsAllocated === 1) {
    if (!isUncompressed(file.transferSyntax)) return compressedBits(file, format);
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
  const frames = compressedFrames(file);
  if (file.transferSyntax === uids.deflatedFrames) return (index) => deflatedFrame(file, format, frames[index]);
  const decoded = await decodeFrames(file.path, file.transferSyntax, frames, format);
  return (index) => decoded.subarray(index * length, (index + 1) * length);
}

/** Single bits, each frame compressed for itself. */
async function compressedBits(file: DicomFile, format: PixelFormat): Promise<ReadFrame> {
  const length = format.columns * format.rows;
  const frames = compressedFrames(file);
  if (file.transferSyntax === uids.deflatedFrames || file.transferSyntax === uids.rle)
    return (index) => {
      const frame = frames[index] ?? new Uint8Array(0);
      const bytes =
        file.transferSyntax === uids.rle ? unpackedRle(file.path, frame, length) : inflatedFrame(file.path, frame, Math.ceil(length / 8));
      // Some writers compress a byte for each pixel.
      if (bytes.length >= length) return bytes;
      if (bytes.length * 8 < length) throw invalidFile(file.path, 'breaks off: its pixels are fewer than its header says.');
      return Uint8Array.from({ length }, (_, n) => ((bytes[n >> 3] as number) >> (n & 7)) & 1);
    };
  const bytes = { ...format, bitsAllocated: 8, bitsStored: 1, highBit: 0, isSigned: false };
  const decoded = await decodeFrames(file.path, file.transferSyntax, frames, bytes);
  return (index) => decoded.subarray(index * length, (index + 1) * length);
}

function deflatedFrame({ path, dataset }: DicomFile, format: PixelFormat, frame: Uint8Array | undefined): ArrayLike<number> {
  const length = format.columns * format.rows;
  const bytes = inflatedFrame(path, frame ?? new Uint8Array(0), (length * format.bitsAllocated) / 8);
  if (bytes.length < (length * format.bitsAllocated) / 8) throw invalidFile(path, 'breaks off: its pixels are fewer than its header says.');
  return asVoxels(
    new Uint8Array(bytes.subarray(0, (length * format.bitsAllocated) / 8)).buffer,
    elementOf(path, format),
    dataset.isLittleEndian,
  );
}

function elementOf(path: string, { bitsAllocated, isSigned }: PixelFormat): 'uint8' | 'uint16' | 'uint32' {
  const type = { 8: 'uint8', 16: 'uint16', 32: 'uint32' } as const;
  if (isSigned || !(bitsAllocated in type)) throw unsupportedFile(path, 'stores segments as signed numbers, which is not read here.');
  return type[bitsAllocated as 8 | 16 | 32];
}

function labelMap(dataset: DicomDataset, grid: Grid, slices: readonly number[], read: ReadFrame): Uint16Array {
  const data = new Uint16Array(voxelCount(grid));
  slices.forEach((k, index) => {
    data.set(read(index), k * grid.size[0] * grid.size[1]);
  });
  // What lies outside every segment may have a number of its own.
  const outside = dataset.number('PixelPaddingValue', 0);
  if (outside !== 0) for (let n = 0; n < data.length; n++) if (data[n] === outside) data[n] = 0;
  return data;
}

function segments(
  { path, dataset }: DicomFile,
  grid: Grid,
  slices: readonly number[],
  read: ReadFrame,
  kind: string,
  warnings: string[],
): LayeredLabels {
  const length = grid.size[0] * grid.size[1];
  const threshold = kind === 'FRACTIONAL' ? dataset.number('MaximumFractionalValue', 255) / 2 : 0.5;
  const shared = dataset.item('SharedFunctionalGroupsSequence')?.item('SegmentIdentificationSequence');
  const numbers = dataset
    .items('PerFrameFunctionalGroupsSequence')
    .map((group) => (group.item('SegmentIdentificationSequence') ?? shared)?.number('ReferencedSegmentNumber', 0) ?? 0);
  if (numbers.some((number) => number < 1 || number > 65535)) throw invalidFile(path, 'holds frames that belong to no segment.');
  const labels = new LayeredLabels(path, voxelCount(grid), numbers);
  numbers.forEach((segment, index) => {
    if (slices[index] === undefined) return;
    const pixels = read(index);
    const start = (slices[index] as number) * length;
    for (let n = 0; n < length; n++) if ((pixels[n] as number) >= threshold) labels.lay(start + n, segment);
  });
  if (kind === 'FRACTIONAL') warnings.push('The segmentation stores probabilities; voxels from one half on are taken.');
  return labels;
}

function labelOf(segment: DicomDataset): FileLabel {
  const lab = segment.numbers('RecommendedDisplayCIELabValue');
  const code = codeOf(segment);
  const label = { value: segment.number('SegmentNumber', 0), name: segment.string('SegmentLabel'), ...(code !== undefined && { code }) };
  return lab.length === 3 ? { ...label, color: hexFromCieLab(lab as unknown as Triple) } : label;
}

function codeOf(segment: DicomDataset): LabelCode | undefined {
  const part = (item: DicomDataset | undefined): CodePart | null => {
    const value = item?.string('CodeValue') ?? '';
    return item === undefined || value === ''
      ? null
      : { scheme: item.string('CodingSchemeDesignator'), value, meaning: item.string('CodeMeaning') };
  };
  const type = segment.item('SegmentedPropertyTypeCodeSequence');
  const region = segment.item('AnatomicRegionSequence');
  return labelCode(
    part(type),
    part(type?.item('SegmentedPropertyTypeModifierCodeSequence')),
    part(region),
    part(region?.item('AnatomicRegionModifierSequence')),
  );
}

function sourceOf(dataset: DicomDataset): DicomSource {
  const series = dataset.item('ReferencedSeriesSequence');
  const instances = series?.items('ReferencedInstanceSequence') ?? [];
  return {
    studyInstanceUid: dataset.string('StudyInstanceUID'),
    seriesInstanceUid: series?.string('SeriesInstanceUID') ?? '',
    frameOfReferenceUid: dataset.string('FrameOfReferenceUID'),
    sopClassUid: instances[0]?.string('ReferencedSOPClassUID') ?? '',
    instances: instances.map((one) => ({ sopInstanceUid: one.string('ReferencedSOPInstanceUID') })),
  };
}

function scaled(vector: Triple, factor: number): Triple {
  return [vector[0] * factor, vector[1] * factor, vector[2] * factor];
}
