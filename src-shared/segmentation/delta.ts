import type { LabelVolume, Triple } from '../geometry/grid.ts';
import type { Box } from './box.ts';
import { ByteReader, ByteWriter, damaged } from './bytes.ts';
import { crc32 } from './crc32.ts';

/**
 * An invertible edit: runs of voxels in ascending memory order, each with one label before and one after.
 * Encoding: format byte; volume size (3 varints); changed voxels; number of runs; box (6 varints, only if there are runs); per run the
 * gap from the previous run's end, then length × 2 + (1 if the pair of labels differs from the previous run's), then that pair;
 * CRC-32 of all before it.
 */
export interface Delta {
  readonly bytes: Uint8Array;
  readonly size: Triple;
  /** Voxels that changed. */
  readonly changed: number;
  readonly runs: number;
  /** Bounding box of the changed voxels; null when nothing changed. */
  readonly box: Box | null;
}

const format = 1;

/** Collects runs in ascending order; neighbouring runs of one pair become one. */
export class DeltaWriter {
  readonly #size: Triple;
  readonly #body = new ByteWriter(1024);
  readonly #lower: [number, number, number] = [Infinity, Infinity, Infinity];
  readonly #upper: [number, number, number] = [0, 0, 0];
  #start = 0;
  #end = 0;
  #before = 0;
  #after = 0;
  #written = 0;
  #writtenBefore = -1;
  #writtenAfter = -1;
  #runs = 0;
  #changed = 0;

  constructor(size: Triple) {
    this.#size = size;
  }

  /** Voxels [start, end) went from `before` to `after`; `start` is not below the end of the last run. */
  record(start: number, end: number, before: number, after: number): void {
    if (start === this.#end && before === this.#before && after === this.#after && end > start) {
      this.#end = end;
      return;
    }
    this.#flush();
    this.#start = start;
    this.#end = end;
    this.#before = before;
    this.#after = after;
  }

  #flush(): void {
    const length = this.#end - this.#start;
    if (length <= 0) return;
    const samePair = this.#before === this.#writtenBefore && this.#after === this.#writtenAfter;
    this.#body.varint(this.#start - this.#written);
    this.#body.varint(length * 2 + (samePair ? 0 : 1));
    if (!samePair) {
      this.#body.varint(this.#before);
      this.#body.varint(this.#after);
      this.#writtenBefore = this.#before;
      this.#writtenAfter = this.#after;
    }
    this.#written = this.#end;
    this.#runs++;
    this.#changed += length;
    this.#extend();
  }

  #extend(): void {
    const [ni, nj] = this.#size;
    const firstRow = Math.floor(this.#start / ni);
    const lastRow = Math.floor((this.#end - 1) / ni);
    const firstSlice = Math.floor(firstRow / nj);
    const lastSlice = Math.floor(lastRow / nj);
    const [lower, upper] = [this.#lower, this.#upper];
    const oneRow = firstRow === lastRow;
    const oneSlice = firstSlice === lastSlice;
    lower[0] = Math.min(lower[0], oneRow ? this.#start - firstRow * ni : 0);
    upper[0] = Math.max(upper[0], oneRow ? this.#end - firstRow * ni : ni);
    lower[1] = Math.min(lower[1], oneSlice ? firstRow - firstSlice * nj : 0);
    upper[1] = Math.max(upper[1], oneSlice ? lastRow - lastSlice * nj + 1 : nj);
    lower[2] = Math.min(lower[2], firstSlice);
    upper[2] = Math.max(upper[2], lastSlice + 1);
  }

  finish(): Delta {
    this.#flush();
    this.#end = this.#start;
    const box: Box | null = this.#runs === 0 ? null : { lower: [...this.#lower], upper: [...this.#upper] };
    const out = new ByteWriter(this.#body.length + 64);
    out.byte(format);
    for (const n of this.#size) out.varint(n);
    out.varint(this.#changed);
    out.varint(this.#runs);
    if (box !== null) for (const n of [...box.lower, ...box.upper]) out.varint(n);
    out.raw(this.#body.view());
    out.uint32(crc32(out.view()));
    return { bytes: out.finish(), size: this.#size, changed: this.#changed, runs: this.#runs, box };
  }
}

function readHeader(bytes: Uint8Array): { delta: Delta; body: ByteReader } {
  if (bytes.length < 10) throw damaged('delta too short');
  const body = new ByteReader(bytes, 0, bytes.length - 4);
  if (body.byte() !== format) throw damaged('unknown delta format');
  const size: Triple = [body.varint(), body.varint(), body.varint()];
  const changed = body.varint();
  const runs = body.varint();
  const box: Box | null =
    runs === 0 ? null : { lower: [body.varint(), body.varint(), body.varint()], upper: [body.varint(), body.varint(), body.varint()] };
  if (box !== null && box.upper.some((end, axis) => end > (size[axis] as number) || end <= (box.lower[axis] as number)))
    throw damaged('box outside the volume');
  return { delta: { bytes, size, changed, runs, box }, body };
}

/** Checks the CRC and reads the header. Throws `corrupt`. */
export function decodeDelta(bytes: Uint8Array): Delta {
  const tail = new ByteReader(bytes, Math.max(0, bytes.length - 4)).uint32();
  if (crc32(bytes.subarray(0, bytes.length - 4)) !== tail) throw damaged('delta checksum');
  return readHeader(bytes).delta;
}

/** Goes through a delta's runs in ascending order: voxels [start, end) went from `before` to `after`. */
export class RunReader {
  start = 0;
  end = 0;
  before = 0;
  after = 0;
  readonly #bytes: Uint8Array;
  readonly #limit: number;
  #at: number;
  #left: number;

  constructor(delta: Delta) {
    const { body } = readHeader(delta.bytes);
    this.#bytes = delta.bytes;
    this.#at = body.position;
    this.#left = delta.runs;
    this.#limit = delta.size[0] * delta.size[1] * delta.size[2];
  }

  /** False at the end. Throws `corrupt` when a run lies outside the volume. */
  next(): boolean {
    if (this.#left-- <= 0) return false;
    this.start = this.end + this.#varint();
    const coded = this.#varint();
    if (coded % 2 === 1) {
      this.before = this.#varint();
      this.after = this.#varint();
    }
    this.end = this.start + Math.floor(coded / 2);
    if (!(this.end <= this.#limit)) throw damaged('run outside the volume');
    return true;
  }

  // Not ByteReader's: this is what undo spends its time on. Beyond the end it gives NaN, which next() refuses.
  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] as number;
    if (byte < 0x80) return byte;
    let value = byte - 0x80;
    for (let scale = 0x80; ; scale *= 0x80) {
      byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (!(byte >= 0x80)) return byte === undefined ? Number.NaN : value;
    }
  }
}

/** Calls `visit(start, end, before, after)` for every run in ascending order. Throws `corrupt` when a run lies outside the volume. */
export function forEachRun(delta: Delta, visit: (start: number, end: number, before: number, after: number) => void): void {
  const runs = new RunReader(delta);
  while (runs.next()) visit(runs.start, runs.end, runs.before, runs.after);
}

/** Labels that a delta takes away or writes, background among them. */
export function labelsIn(delta: Delta): ReadonlySet<number> {
  const labels = new Set<number>();
  forEachRun(delta, (_start, _end, before, after) => labels.add(before).add(after));
  return labels;
}

function checkSize(volume: LabelVolume, delta: Delta): void {
  const { size } = volume.grid;
  if (size.some((n, axis) => n !== delta.size[axis])) throw damaged('delta of another volume');
}

/** Writes the labels after the edit; returns the touched box. */
export function applyDelta(volume: LabelVolume, delta: Delta): Box | null {
  checkSize(volume, delta);
  const { data } = volume;
  const runs = new RunReader(delta);
  while (runs.next()) fillRun(data, runs.start, runs.end, runs.after);
  return delta.box;
}

/** Writes the labels before the edit; returns the touched box. */
export function revertDelta(volume: LabelVolume, delta: Delta): Box | null {
  checkSize(volume, delta);
  const { data } = volume;
  const runs = new RunReader(delta);
  while (runs.next()) fillRun(data, runs.start, runs.end, runs.before);
  return delta.box;
}

/** Whether every voxel of the delta still has its label from before: whether it may be applied. */
export function fits(volume: LabelVolume, delta: Delta): boolean {
  checkSize(volume, delta);
  const { data } = volume;
  const runs = new RunReader(delta);
  while (runs.next()) for (let at = runs.start; at < runs.end; at++) if (data[at] !== runs.before) return false;
  return true;
}

// A call of fill costs more than short runs do.
function fillRun(data: Uint8Array | Uint16Array, start: number, end: number, value: number): void {
  if (end - start > 24) data.fill(value, start, end);
  else for (let at = start; at < end; at++) data[at] = value;
}
