import { constants, inflateRawSync, inflateSync } from 'node:zlib';
import { invalidFile } from '../failure.ts';

/** A frame of Deflated Image Frame Compression; at most a little more than `length` bytes. Throws `invalid-file`. */
export function inflatedFrame(path: string, frame: Uint8Array, length: number): Uint8Array {
  // A byte of padding may follow. Some writers put zlib's header in front.
  const options = { maxOutputLength: Math.max(64, 8 * length + 64), finishFlush: constants.Z_SYNC_FLUSH };
  try {
    return inflateRawSync(frame, options);
  } catch {
    try {
      return inflateSync(frame, options);
    } catch (error) {
      throw invalidFile(path, 'holds compressed pixels that cannot be decoded.', error);
    }
  }
}

/** The first segment of an RLE frame (PS3.5 annex G), which holds all of it where a pixel has one byte or bit. Throws `invalid-file`. */
export function unpackedRle(path: string, frame: Uint8Array, most: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const isOne = frame.length >= 64 && view.getUint32(0, true) === 1;
  if (!isOne) throw invalidFile(path, 'holds compressed pixels that cannot be decoded.');
  const bytes = new Uint8Array(most);
  let to = 0;
  for (let at = view.getUint32(4, true); at < frame.length && to < most;) {
    const mark = frame[at++] as number;
    if (mark === 128) break;
    const count = Math.min(most - to, mark < 128 ? mark + 1 : 257 - mark);
    if (mark < 128) {
      bytes.set(frame.subarray(at, at + count), to);
      at += mark + 1;
    } else bytes.fill(frame[at++] ?? 0, to, to + count);
    to += count;
  }
  return bytes.subarray(0, to);
}
