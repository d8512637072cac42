import { ByteReader, ByteWriter } from '#shared/segmentation/bytes.ts';

/**
 * The session whose records were written last, and how many of them. It stands in the journal among the records, so that what a window
 * sends again after a crash of either side is written once.
 */
export interface Writer {
  readonly session: string;
  readonly sequence: number;
}

/** No record begins with it. */
const mark = 0xff;

/** A journal payload: the records behind it are the session's, from `sequence` on. */
export function encodeWriter({ session, sequence }: Writer): Uint8Array {
  const out = new ByteWriter(64);
  out.byte(mark);
  out.text(session);
  out.varint(sequence);
  return out.finish();
}

/** Null for a record. Throws `corrupt`. */
export function decodeWriter(payload: Uint8Array): Writer | null {
  if (payload[0] !== mark) return null;
  const input = new ByteReader(payload);
  input.byte();
  return { session: input.text(), sequence: input.varint() };
}

export const sameWriter = (a: Writer | null, b: Writer | null): boolean => a?.session === b?.session && a?.sequence === b?.sequence;
