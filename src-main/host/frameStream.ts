/** Frames over a byte stream between two processes: length (u32 little-endian), kind (u8), bytes. */
import { requestLimits, responseLimits } from '#shared/contract/wire.ts';

/** `frame`: one contract frame. `window`: a window begins again; what was running for the one before is cancelled. */
export type StreamMessage = { readonly kind: 'frame'; readonly frame: Buffer } | { readonly kind: 'window' };

const headerBytes = 5;
const maximumBytes = Math.max(requestLimits.frameBytes, responseLimits.frameBytes);
const kinds = ['frame', 'window'] as const;

export function encodeStreamHeader(kind: StreamMessage['kind'], length: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(length, 0);
  header.writeUInt8(kinds.indexOf(kind), 4);
  return header;
}

/**
 * Puts a stream's pieces together again. Gives each message as soon as it is whole; throws `RangeError` when the other side does not
 * speak this protocol.
 */
export class StreamDecoder {
  #pieces: Buffer[] = [];
  #buffered = 0;

  *push(piece: Buffer): Generator<StreamMessage> {
    this.#pieces.push(piece);
    this.#buffered += piece.length;
    for (let header = this.#peekHeader(); header !== null && this.#buffered >= headerBytes + header.length; header = this.#peekHeader()) {
      this.#take(headerBytes);
      const frame = this.#take(header.length);
      yield header.kind === 'frame' ? { kind: 'frame', frame } : { kind: 'window' };
    }
  }

  #peekHeader(): { length: number; kind: StreamMessage['kind'] } | null {
    if (this.#buffered < headerBytes) return null;
    if ((this.#pieces[0]?.length ?? 0) < headerBytes) this.#pieces = [Buffer.concat(this.#pieces)];
    const first = this.#pieces[0] ?? Buffer.alloc(0);
    const length = first.readUInt32LE(0);
    const kind = kinds[first.readUInt8(4)];
    if (kind === undefined || length > maximumBytes) throw new RangeError('not a frame stream');
    return { length, kind };
  }

  #take(length: number): Buffer {
    const taken: Buffer[] = [];
    let missing = length;
    let used = 0;
    for (let piece = this.#pieces[used]; missing > 0 && piece !== undefined; piece = this.#pieces[used]) {
      taken.push(piece.subarray(0, missing));
      if (piece.length > missing) this.#pieces[used] = piece.subarray(missing);
      else used++;
      missing -= Math.min(missing, piece.length);
    }
    this.#pieces.splice(0, used);
    this.#buffered -= length;
    return taken.length === 1 ? (taken[0] ?? Buffer.alloc(0)) : Buffer.concat(taken, length);
  }
}
