import { ByteReader, ByteWriter, damaged } from './bytes.ts';
import { decodeDelta } from './delta.ts';
import { History, type Edit } from './history.ts';

/**
 * What happened to a mask, in order: what the journal keeps. A `partial` is a piece of a stroke that is still being drawn; the `edit`
 * that ends the stroke holds the whole of it, and `cancel` gives it up.
 */
export type DocumentRecord =
  { readonly kind: 'edit' | 'partial'; readonly edit: Edit } | { readonly kind: 'undo' | 'redo' | 'cancel'; readonly at: number };

const kinds = ['edit', 'partial', 'undo', 'redo', 'cancel'] as const;

function writeEdit(out: ByteWriter, edit: Edit): void {
  out.float64(edit.at);
  out.text(edit.name);
  out.block(edit.delta.bytes);
}

// A copy of the bytes, so that a small edit does not keep a whole file in memory.
function readEdit(input: ByteReader): Edit {
  return { at: input.float64(), name: input.text(), delta: decodeDelta(new Uint8Array(input.block())) };
}

export function encodeRecord(record: DocumentRecord): Uint8Array {
  const out = new ByteWriter(64);
  out.byte(kinds.indexOf(record.kind));
  if ('edit' in record) writeEdit(out, record.edit);
  else out.float64(record.at);
  return out.finish();
}

/** Throws `corrupt`. */
export function decodeRecord(bytes: Uint8Array): DocumentRecord {
  const input = new ByteReader(bytes);
  const kind = kinds[input.byte()];
  if (kind === undefined) throw damaged('unknown record');
  return kind === 'edit' || kind === 'partial' ? { kind, edit: readEdit(input) } : { kind, at: input.float64() };
}

/** What a person would count in encoded records: edits, undos and redos, and a stroke that is still open. */
export function countSteps(records: readonly Uint8Array[]): number {
  let steps = 0;
  let open = false;
  for (const [first = 0] of records) {
    const kind = kinds[first];
    open = kind === 'partial';
    if (kind === 'edit' || kind === 'undo' || kind === 'redo') steps++;
  }
  return steps + (open ? 1 : 0);
}

/** All edits and the undo position. */
export function encodeHistory(history: History): Uint8Array {
  const out = new ByteWriter(1024);
  out.varint(history.edits.length);
  out.varint(history.done);
  for (const edit of history.edits) writeEdit(out, edit);
  return out.finish();
}

/** Throws `corrupt`. */
export function decodeHistory(bytes: Uint8Array): History {
  const input = new ByteReader(bytes);
  const [count, done] = [input.varint(), input.varint()];
  const edits: Edit[] = [];
  for (let n = 0; n < count; n++) edits.push(readEdit(input));
  return new History(edits, done);
}
