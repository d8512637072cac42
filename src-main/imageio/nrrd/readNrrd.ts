import { voxelCount, type VoxelArray } from '#shared/geometry/grid.ts';
import type { Compression } from '../byteSource.ts';
import { chosenVolume } from '../chosenVolume.ts';
import { hashOfVolume } from '../combinedHash.ts';
import { checkedVolume, voxelBytes } from '../checkVolume.ts';
import { asVoxels } from '../elements.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import { readAnnouncedData, readTextHeader } from '../headerAndData.ts';
import type { DecodedImage, DecodeLimits, FileLabel } from '../types.ts';
import { LayeredLabels } from '../layeredLabels.ts';
import { parseNrrdHeader, type NrrdSegment, type Stack } from './header.ts';

/** Reads an NRRD file with its voxels inside, or in one file beside it; of several volumes the named one (from 1). Throws `invalid-file` or `unsupported` with the file's name. */
export async function readNrrd(
  path: string,
  compression: Compression,
  { maxBytes }: DecodeLimits,
  volumeNumber: number | null = null,
): Promise<DecodedImage> {
  if (compression !== 'none') throw unsupportedFile(path, 'is an NRRD file packed as a whole; unpack it first.');
  const { text, length: headerLength } = await readTextHeader(path, (all, isWhole) => {
    const blank = /\r?\n\r?\n/.exec(all);
    // A detached header may end with the file.
    return blank ? blank.index + blank[0].length : isWhole && /^data ?file\s*:/im.test(all) ? all.length : -1;
  });
  const header = parseNrrdHeader(path, text);
  const { grid, layers, volumes, segments } = header;
  const taken = chosenVolume(path, grid, volumes?.count ?? 1, volumeNumber);
  // Volumes whose voxels lie together are read together.
  const interleaved = volumes?.together === true ? volumes.count : 1;
  const length = voxelBytes(path, [...grid.size, layers?.count ?? interleaved], header.type);
  const { buffer, contentHash: fileHash } = await readAnnouncedData({
    headerPath: path,
    headerLength,
    dataFile: header.dataFile,
    compression: header.compression,
    byteSkip: header.byteSkip,
    length,
    ...(interleaved === 1 && { place: { number: taken, of: volumes?.count ?? 1 } }),
    maxBytes,
  });
  const warnings = [...header.warnings];
  const all = asVoxels(buffer, header.type, header.littleEndian);
  const stored = interleaved === 1 ? all : everyNth(all, interleaved, taken - 1);
  const contentHash = volumes === null ? fileHash : hashOfVolume(fileHash, taken);
  const image = { modality: 'unknown', format: 'nrrd', contentHash, warnings, source: null } as const;
  if (layers === null) return { ...image, volume: checkedVolume(path, grid, stored, warnings), fileLabels: segments.map(labelOf) };
  const { values, labels } = laid(path, stored, layers, segments, voxelCount(grid));
  return {
    ...image,
    volume: { grid, data: labels.data },
    fileLabels: segments.map((segment, n) => ({ ...labelOf(segment), value: values[n] ?? 0 })),
    combinations: labels.combinations,
  };
}

/** One of the values that lie together at each voxel. */
function everyNth(all: VoxelArray, count: number, first: number): VoxelArray {
  const taken = all.slice(0, all.length / count);
  for (let n = 0; n < taken.length; n++) taken[n] = all[n * count + first] as number;
  return taken;
}

function labelOf({ layer: _, ...label }: NrrdSegment): FileLabel {
  return label;
}

/** Layers of segments in one volume. A value may mean another segment in each layer; then the segments are numbered 1, 2, … as the file lists them. */
function laid(
  path: string,
  stored: VoxelArray,
  { count, together }: Stack,
  segments: readonly NrrdSegment[],
  voxels: number,
): { values: readonly number[]; labels: LayeredLabels } {
  if (segments.some(({ value, layer }) => !Number.isInteger(value) || value < 1 || value > 65535 || !Number.isInteger(layer) || layer < 0))
    throw invalidFile(path, 'contradicts itself about its segments.');
  const isDistinct = new Set(segments.map(({ value }) => value)).size === segments.length;
  const values = segments.map(({ value }, n) => (isDistinct ? value : n + 1));
  const labels = new LayeredLabels(path, voxels, values);
  for (let layer = 0; layer < count; layer++) {
    const own = new Map(segments.flatMap((segment, n) => (segment.layer === layer ? [[segment.value, values[n] ?? 0] as const] : [])));
    for (let n = 0; n < voxels; n++) {
      const value = stored[together ? n * count + layer : layer * voxels + n] as number;
      if (value === 0) continue;
      const label = own.get(value);
      if (label === undefined) throw invalidFile(path, `holds the value ${String(value)} in a layer that has no segment of it.`);
      labels.lay(n, label);
    }
  }
  return { values, labels };
}
