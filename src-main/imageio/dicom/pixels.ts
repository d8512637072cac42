import { invalidFile, unsupportedFile } from '../failure.ts';
import { asVoxels } from '../elements.ts';
import type { VoxelArray } from '#shared/geometry/grid.ts';
import { uids } from './dictionary.ts';
import type { DicomFile } from './parse.ts';

/** How a file stores its pixels. */
export interface PixelFormat {
  readonly columns: number;
  readonly rows: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly isSigned: boolean;
}

/** Throws `invalid-file` or `unsupported` where the attributes contradict each other or name a depth that is not read. */
export function pixelFormatOf({ path, dataset }: DicomFile): PixelFormat {
  const bitsAllocated = dataset.number('BitsAllocated', 0);
  const bitsStored = dataset.number('BitsStored', bitsAllocated);
  const format: PixelFormat = {
    columns: dataset.number('Columns', 0),
    rows: dataset.number('Rows', 0),
    bitsAllocated,
    bitsStored,
    highBit: dataset.number('HighBit', bitsStored - 1),
    isSigned: dataset.number('PixelRepresentation', 0) === 1,
  };
  if (format.columns < 1 || format.rows < 1)
    throw invalidFile(path, `claims a size of ${format.columns} × ${format.rows} pixels, which cannot be.`);
  if (![1, 8, 16, 32].includes(bitsAllocated)) throw unsupportedFile(path, `stores ${bitsAllocated} bits a pixel, which is not read here.`);
  if (bitsStored < 1 || bitsStored > bitsAllocated || format.highBit >= bitsAllocated || format.highBit < bitsStored - 1)
    throw invalidFile(path, 'contradicts itself about the bits of its pixels.');
  return format;
}

const uncompressed: readonly string[] = [uids.implicitLittle, uids.explicitLittle, uids.explicitBig, uids.deflated];

export function isUncompressed(transferSyntax: string): boolean {
  return uncompressed.includes(transferSyntax);
}

/** The stored values of one frame of uncompressed pixel data, not yet rescaled. Throws `invalid-file` where they break off. */
export function nativeFrame(file: DicomFile, format: PixelFormat, index: number): VoxelArray {
  const value = file.dataset.element('PixelData')?.value ?? new Uint8Array(0);
  const width = format.bitsAllocated / 8;
  const length = format.columns * format.rows * width;
  const start = index * length;
  if (format.bitsAllocated === 1) throw unsupportedFile(file.path, 'stores single bits and is no segmentation that is read here.');
  if (start + length > value.length) throw invalidFile(file.path, 'breaks off: its pixels are fewer than its header says.');
  const buffer = new ArrayBuffer(length);
  new Uint8Array(buffer).set(value.subarray(start, start + length));
  // 8-bit data of big-endian files lies in 16-bit words only where it says so (OW); those words are swapped back.
  if (width === 1 && !file.dataset.isLittleEndian && file.dataset.element('PixelData')?.vr === 'OW' && length % 2 === 0)
    Buffer.from(buffer).swap16();
  const type = ({ 1: ['uint8', 'int8'], 2: ['uint16', 'int16'], 4: ['uint32', 'int32'] } as const)[width as 1 | 2 | 4][
    format.isSigned ? 1 : 0
  ];
  return withoutSpareBits(asVoxels(buffer, type, file.dataset.isLittleEndian), format);
}

/** Older devices put overlays into the bits that are not stored. */
function withoutSpareBits(data: VoxelArray, { bitsAllocated, bitsStored, highBit, isSigned }: PixelFormat): VoxelArray {
  if (bitsStored === bitsAllocated) return data;
  const low = highBit + 1 - bitsStored,
    spare = 32 - bitsStored;
  for (let n = 0; n < data.length; n++) {
    const shifted = ((data[n] as number) >>> low) << spare;
    data[n] = isSigned ? shifted >> spare : shifted >>> spare;
  }
  return data;
}

/** The compressed bytes of every frame, joined from their fragments. Throws `invalid-file` where frames cannot be told apart. */
export function compressedFrames({ path, dataset }: DicomFile): Uint8Array[] {
  const [table = new Uint8Array(0), ...fragments] = dataset.element('PixelData')?.fragments ?? [];
  const count = Math.max(1, dataset.number('NumberOfFrames', 1));
  if (fragments.length === 0) throw invalidFile(path, 'holds no pixels.');
  if (count === 1) return [joined(fragments)];
  if (fragments.length === count) return fragments;
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const extended = dataset.element('ExtendedOffsetTable')?.value ?? new Uint8Array(0);
  const wide = new DataView(extended.buffer, extended.byteOffset, extended.byteLength);
  const offsets =
    extended.length === 8 * count
      ? Array.from({ length: count }, (_, n) => Number(wide.getBigUint64(8 * n, true)))
      : Array.from({ length: Math.floor(table.length / 4) }, (_, n) => view.getUint32(4 * n, true));
  if (offsets.length !== count) throw invalidFile(path, 'does not say where its compressed frames begin.');
  const frames: Uint8Array[][] = offsets.map(() => []);
  let at = 0,
    frame = 0;
  for (const fragment of fragments) {
    while (frame + 1 < count && at >= (offsets[frame + 1] as number)) frame++;
    frames[frame]?.push(fragment);
    at += fragment.length + 8;
  }
  if (frames.some((parts) => parts.length === 0)) throw invalidFile(path, 'does not say where its compressed frames begin.');
  return frames.map(joined);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : new Uint8Array(Buffer.concat(parts));
}
