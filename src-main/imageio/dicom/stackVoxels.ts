import { createHash } from 'node:crypto';
import { voxelCount, type VoxelArray } from '#shared/geometry/grid.ts';
import { combinedHash } from '../combinedHash.ts';
import { invalidFile } from '../failure.ts';
import { decodeFrames } from './codec.ts';
import { parsedWhole } from './describe.ts';
import type { Frame } from './frames.ts';
import type { Stack } from './geometry.ts';
import { modalityLutOf, type ModalityLut } from './modalityLut.ts';
import type { DicomFile } from './parse.ts';
import { compressedFrames, isUncompressed, nativeFrame, pixelFormatOf, type PixelFormat } from './pixels.ts';

/** Compressed frames go to the decoder together, up to so many bytes of pixels. */
const batchBytes = 64 << 20;

/** One slice's stored values, and where they go. */
interface Slice {
  readonly k: number;
  readonly frame: Frame;
  readonly stored: VoxelArray;
}

/** Reads, decodes and rescales the slices of a stack. int16 holds them where it can; then int32 or float32. */
export async function readStackVoxels({ grid, frames }: Stack, warnings: string[]): Promise<{ data: VoxelArray; contentHash: string }> {
  const target = new RescaledVoxels(voxelCount(grid), grid.size[0] * grid.size[1]);
  const hashes: string[] = [];
  const batch = new CompressedBatch((slice) => {
    target.put(slice);
  });
  const byFile = Map.groupBy(
    frames.map((frame, k) => ({ frame, k })),
    ({ frame }) => frame.path,
  );
  for (const [path, slices] of byFile) {
    const { file, bytes } = await parsedWhole(path);
    hashes.push(createHash('sha256').update(bytes).digest('hex'));
    const format = pixelFormatOf(file);
    if (format.columns !== grid.size[0] || format.rows !== grid.size[1]) throw invalidFile(path, 'changed while it was read.');
    const lut = modalityLutOf(file);
    if (isUncompressed(file.transferSyntax))
      for (const { frame, k } of slices) target.put({ k, frame, stored: byTable(nativeFrame(file, format, frame.index), lut) });
    else await batch.add(file, format, slices, lut);
  }
  await batch.flush();
  if (batch.isLossy) warnings.push('The images were compressed with loss before they came here.');
  return { data: target.data, contentHash: combinedHash(hashes) };
}

function byTable(stored: VoxelArray, lut: ModalityLut | null): VoxelArray {
  return lut === null ? stored : lut(stored);
}

/** Takes rescaled slices into an array that widens when values do not fit it. */
class RescaledVoxels {
  data: Int16Array | Int32Array | Float32Array;
  readonly #sliceLength: number;

  constructor(length: number, sliceLength: number) {
    this.data = new Int16Array(length);
    this.#sliceLength = sliceLength;
  }

  put({ k, frame: { slope, intercept }, stored }: Slice): void {
    const start = k * this.#sliceLength;
    const whole = Number.isInteger(slope) && Number.isInteger(intercept);
    if (!whole && !(this.data instanceof Float32Array)) this.data = Float32Array.from(this.data);
    let low = Infinity,
      high = -Infinity;
    for (const value of stored) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const ends = [low * slope + intercept, high * slope + intercept];
    if (this.data instanceof Int16Array && (Math.min(...ends) < -32768 || Math.max(...ends) > 32767))
      this.data = Int32Array.from(this.data);
    if (this.data instanceof Int32Array && (Math.min(...ends) < -(2 ** 31) || Math.max(...ends) >= 2 ** 31))
      this.data = Float32Array.from(this.data);
    const { data } = this;
    for (let n = 0; n < stored.length; n++) data[start + n] = (stored[n] as number) * slope + intercept;
  }
}

/** Collects compressed frames of one syntax and format, and decodes them together. */
class CompressedBatch {
  isLossy = false;
  readonly #deliver: (slice: Slice) => void;
  #waiting: { k: number; frame: Frame; bytes: Uint8Array; lut: ModalityLut | null }[] = [];
  #kind: { transferSyntax: string; format: PixelFormat } | null = null;

  constructor(deliver: (slice: Slice) => void) {
    this.#deliver = deliver;
  }

  async add(file: DicomFile, format: PixelFormat, slices: readonly { frame: Frame; k: number }[], lut: ModalityLut | null): Promise<void> {
    const { transferSyntax } = file;
    if (this.#kind && (this.#kind.transferSyntax !== transferSyntax || JSON.stringify(this.#kind.format) !== JSON.stringify(format)))
      await this.flush();
    this.#kind = { transferSyntax, format };
    this.isLossy ||=
      /^1\.2\.840\.10008\.1\.2\.4\.(50|51|81|91)$/.test(transferSyntax) && file.dataset.string('LossyImageCompression') !== '00';
    const compressed = compressedFrames(file);
    for (const { frame, k } of slices) {
      const bytes = compressed[frame.index];
      if (!bytes) throw invalidFile(file.path, 'breaks off: its pixels are fewer than its header says.');
      this.#waiting.push({ k, frame, bytes, lut });
      if (this.#waiting.length * format.columns * format.rows * (format.bitsAllocated / 8) >= batchBytes) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const [first] = this.#waiting;
    if (!first || !this.#kind) return;
    const { transferSyntax, format } = this.#kind;
    const decoded = await decodeFrames(
      first.frame.path,
      transferSyntax,
      this.#waiting.map(({ bytes }) => bytes),
      format,
    );
    const length = format.columns * format.rows;
    this.#waiting.forEach(({ k, frame, lut }, n) => {
      this.#deliver({ k, frame, stored: byTable(decoded.subarray(n * length, (n + 1) * length), lut) });
    });
    this.#waiting = [];
  }
}
