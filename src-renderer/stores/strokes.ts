import { StudioError } from '#shared/base/errors.ts';
import { ByteReader, ByteWriter } from '#shared/segmentation/bytes.ts';
import type { Unsaved } from '../api/shelf.ts';

const format = 'logonet-strokes-1';

/** Unsaved edits as a file: format, case, its name, session, base, records before, time, records. */
export function encodeStrokes({
  caseId,
  caseName,
  session,
  base,
  sequence,
  since,
  records,
}: Omit<Unsaved, 'project'>): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(1024);
  for (const text of [format, caseId, caseName, session, base?.session ?? '']) out.text(text);
  out.varint(base?.sequence ?? 0);
  out.varint(sequence);
  out.float64(since);
  out.varint(records.length);
  for (const record of records) out.block(record);
  return new Uint8Array(out.finish());
}

/** Throws `invalid-file`. */
export function decodeStrokes(bytes: Uint8Array): Unsaved {
  try {
    const input = new ByteReader(bytes);
    if (input.text() !== format) throw new Error('format');
    const [caseId, caseName, session, before] = [input.text(), input.text(), input.text(), input.text()];
    const base = { session: before, sequence: input.varint() };
    const [sequence, since] = [input.varint(), input.float64()];
    const records = Array.from({ length: Math.min(input.varint(), bytes.length) }, () => input.block().slice());
    return { project: '', caseId, caseName, session, base: before === '' ? null : base, sequence, since, records };
  } catch {
    throw new StudioError('invalid-file', 'This is not a file of recovered strokes, or it is damaged.');
  }
}
