import { StudioError } from '../base/errors.ts';
import type { Affine, Grid, LabelVolume } from '../geometry/grid.ts';
import { ByteReader, ByteWriter, damaged } from './bytes.ts';
import { crc32 } from './crc32.ts';
import { runsIn } from './runs.ts';

/**
 * A mask as bytes: 'LMSK', format, bytes per voxel, size (3 varints), affine (12 × float64), then runs (label, length) in memory order,
 * then CRC-32. About 3 bytes a run.
 */
const magic = 0x4b534d4c;
const format = 1;

export function encodeMask(volume: LabelVolume): Uint8Array {
  const { data, grid } = volume;
  const out = new ByteWriter(1 << 16);
  out.uint32(magic);
  out.byte(format);
  out.byte(data.BYTES_PER_ELEMENT);
  for (const n of grid.size) out.varint(n);
  for (const value of grid.affine) out.float64(value);
  const endOfRun = runsIn(data);
  for (let at = 0; at < data.length;) {
    const end = endOfRun(at);
    out.varint(data[at] as number);
    out.varint(end - at);
    at = end;
  }
  out.uint32(crc32(out.view()));
  return out.finish();
}

/** Throws `corrupt` for damage, `unsupported` for more than `maximumVoxels` (default 2³¹). Memory is bounded by the runs that are really there. */
export function decodeMask(bytes: Uint8Array, options: { maximumVoxels?: number } = {}): LabelVolume {
  if (bytes.length < 8) throw damaged('mask too short');
  const input = new ByteReader(bytes, 0, bytes.length - 4);
  if (crc32(bytes.subarray(0, bytes.length - 4)) !== new ByteReader(bytes, bytes.length - 4).uint32()) throw damaged('mask checksum');
  if (input.uint32() !== magic || input.byte() !== format) throw damaged('not a mask');
  const bytesPerVoxel = input.byte();
  const size = [input.varint(), input.varint(), input.varint()] as const;
  const affine = Array.from({ length: 12 }, () => input.float64()) as unknown as Affine;
  const grid: Grid = { size, affine };
  const voxels = size[0] * size[1] * size[2];
  if (voxels > (options.maximumVoxels ?? 2 ** 31))
    throw new StudioError('unsupported', 'This mask has more voxels than can be opened here.');
  checkTotal(new ByteReader(bytes, input.position, bytes.length - 4), voxels);
  if (bytesPerVoxel !== 1 && bytesPerVoxel !== 2) throw damaged('bytes per voxel');
  const volume: LabelVolume = bytesPerVoxel === 1 ? { grid, data: new Uint8Array(voxels) } : { grid, data: new Uint16Array(voxels) };
  for (let at = 0; at < voxels;) {
    const label = input.varint();
    const end = at + input.varint();
    if (label !== 0) volume.data.fill(label, at, end);
    at = end;
  }
  return volume;
}

// Before anything is allocated by what the header claims.
function checkTotal(input: ByteReader, voxels: number): void {
  let total = 0;
  while (input.remaining > 0) {
    input.varint();
    const length = input.varint();
    if (length === 0) throw damaged('empty run');
    total += length;
  }
  if (total !== voxels) throw damaged('runs do not fill the mask');
}
