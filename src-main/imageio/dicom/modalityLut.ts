import type { VoxelArray } from '#shared/geometry/grid.ts';
import { invalidFile } from '../failure.ts';
import type { DicomFile } from './parse.ts';

/** Intensities of stored values, by a table. */
export type ModalityLut = (stored: VoxelArray) => VoxelArray;

/** The table that stands in the place of slope and intercept (PS3.3 C.11.1), or null. Throws `invalid-file` where it contradicts itself. */
export function modalityLutOf({ path, dataset }: DicomFile): ModalityLut | null {
  const item = dataset.item('ModalityLUTSequence');
  if (item === undefined) return null;
  const [count = 0, begin = 0, bits = 16] = item.numbers('LUTDescriptor');
  const entries = count === 0 ? 65536 : count;
  const first = dataset.number('PixelRepresentation', 0) === 1 && begin > 32767 ? begin - 65536 : begin;
  const bytes = item.element('LUTData')?.value ?? new Uint8Array(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPacked = bits <= 8 && bytes.length < 2 * entries;
  if (bytes.length < entries * (isPacked ? 1 : 2)) throw invalidFile(path, 'holds a table of intensities that breaks off.');
  const table = Int32Array.from({ length: entries }, (_, n) =>
    isPacked ? view.getUint8(n) : view.getUint16(2 * n, dataset.isLittleEndian),
  );
  return (stored) => Int32Array.from(stored, (value) => table[Math.max(0, Math.min(entries - 1, value - first))] ?? 0);
}
