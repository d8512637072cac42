import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { affineParts } from '#shared/geometry/affine.ts';
import type { Grid, Volume } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';

type Whole = Volume<Int16Array>;

const bytesOf = ({ data }: Whole): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** Volumes on one grid in one file, by its ending: NIfTI (plain or gzip), NRRD in the ways that its writers have, MetaImage. */
export async function writeSeveral(path: string, volumes: readonly Whole[]): Promise<void> {
  const [first] = volumes;
  if (first === undefined) return;
  const voxels = Buffer.concat(volumes.map(bytesOf));
  if (/\.nii(\.gz)?$/.test(path)) {
    const one = await oneNifti(path, first);
    const all = Buffer.concat([one.subarray(0, one.readFloatLE(108)), voxels]);
    all.writeInt16LE(4, 40);
    all.writeInt16LE(volumes.length, 48);
    writeFileSync(path, path.endsWith('.gz') ? gzipSync(all) : all);
  } else if (path.endsWith('.nhdr')) {
    const data = path.replace(/\.nhdr$/, '.raw');
    writeFileSync(path, nrrdHeader(first.grid, volumes.length, 'last', 'raw', `data file: ${basename(data)}`));
    writeFileSync(data, voxels);
  } else if (path.endsWith('.seq.nrrd')) {
    const count = volumes.length;
    const together = Int16Array.from({ length: first.data.length * count }, (_, n) => volumes[n % count]?.data[Math.floor(n / count)] ?? 0);
    writeFileSync(path, Buffer.concat([nrrdHeader(first.grid, count, 'first', 'gzip'), gzipSync(together)]));
  } else if (path.endsWith('.itk.nrrd'))
    writeFileSync(path, Buffer.concat([nrrdHeader(first.grid, volumes.length, 'time', 'gzip'), gzipSync(voxels)]));
  else if (path.endsWith('.nrrd')) writeFileSync(path, Buffer.concat([nrrdHeader(first.grid, volumes.length, 'last', 'raw'), voxels]));
  else if (path.endsWith('.mha'))
    writeFileSync(path, Buffer.concat([metaHeader(first.grid, volumes.length, 'LOCAL', true), deflateSync(voxels)]));
  else {
    const data = path.replace(/\.mhd$/, '.raw');
    writeFileSync(path, metaHeader(first.grid, volumes.length, basename(data), false));
    writeFileSync(data, voxels);
  }
}

async function oneNifti(path: string, volume: Whole): Promise<Buffer> {
  const plain = path.replace(/\.gz$/, '');
  await writeVolume(plain, volume);
  const bytes = readFileSync(plain);
  rmSync(plain);
  return bytes;
}

/** The axis of volumes: behind the others (teem), before them (3D Slicer's sequences), or a fourth dimension of space (ITK). */
function nrrdHeader(
  { size, affine: a }: Grid,
  count: number,
  axis: 'first' | 'last' | 'time',
  encoding: string,
  ...more: string[]
): Buffer {
  const vector = (...xs: number[]): string => `(${[...xs, ...(axis === 'time' ? [0] : [])].join(',')})`;
  const around = <T>(inner: readonly T[], outer: T): string => (axis === 'first' ? [outer, ...inner] : [...inner, outer]).join(' ');
  const columns = [0, 1, 2].map((n) => vector(a[n] as number, a[n + 4] as number, a[n + 8] as number));
  const lines = [
    'NRRD0005',
    'type: short',
    'dimension: 4',
    axis === 'time' ? 'space dimension: 4' : 'space: left-posterior-superior',
    `sizes: ${around(size, count)}`,
    `space directions: ${around(columns, axis === 'time' ? '(0,0,0,2)' : 'none')}`,
    `kinds: ${around(['domain', 'domain', 'domain'], axis === 'time' ? 'domain' : 'list')}`,
    'endian: little',
    `encoding: ${encoding}`,
    `space origin: ${vector(a[3], a[7], a[11])}`,
    ...more,
  ];
  return Buffer.from(`${lines.join('\n')}\n\n`);
}

function metaHeader(grid: Grid, count: number, file: string, isCompressed: boolean): Buffer {
  const { origin, axes, spacing } = affineParts(grid.affine);
  const rows = [...axes.map((axis) => [...axis, 0]), [0, 0, 0, 1]];
  const lines = [
    'ObjectType = Image',
    'NDims = 4',
    'BinaryData = True',
    'BinaryDataByteOrderMSB = False',
    `CompressedData = ${isCompressed ? 'True' : 'False'}`,
    `TransformMatrix = ${rows.flat().join(' ')}`,
    `Offset = ${[...origin, 0].join(' ')}`,
    `ElementSpacing = ${[...spacing, 2].join(' ')}`,
    `DimSize = ${[...grid.size, count].join(' ')}`,
    'ElementType = MET_SHORT',
    `ElementDataFile = ${file}`,
  ];
  return Buffer.from(`${lines.join('\n')}\n`);
}
