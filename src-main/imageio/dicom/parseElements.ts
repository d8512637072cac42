import { DicomDataset, type DicomElement, type Syntax } from './dataset.ts';

/** The data ends inside an element. */
export class IncompleteData extends Error {}
/** The data cannot be DICOM. */
export class MalformedData extends Error {}

const undefinedLength = 0xffffffff;
const itemTag = 0xfffee000,
  itemEnd = 0xfffee00d,
  sequenceEnd = 0xfffee0dd,
  pixelData = 0x7fe00010;
const maxDepth = 24;
const longForms = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);

interface ParseOptions {
  /** Ends before the first element whose tag it accepts. */
  readonly until?: (tag: number) => boolean;
  /** `bytes` is only the beginning of a file: pixel data may reach beyond it. */
  readonly isPrefix?: boolean;
  readonly depth?: number;
  /** Inside an item of undefined length: ends after the item's end mark. */
  readonly isOpenItem?: boolean;
}

/** Parses elements from `at` to `end` into a map; returns where it stopped. */
export function parseElements(
  bytes: Uint8Array,
  at: number,
  end: number,
  syntax: Syntax,
  into: Map<number, DicomElement>,
  options: ParseOptions = {},
): number {
  const { until, isPrefix = false, depth = 0, isOpenItem = false } = options;
  if (depth > maxDepth) throw new MalformedData('sequences nest too deeply');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tagAt = (position: number): number =>
    ((view.getUint16(position, syntax.little) << 16) | view.getUint16(position + 2, syntax.little)) >>> 0;
  while (at + 8 <= end) {
    const tag = tagAt(at);
    if (isOpenItem && tag === itemEnd) return at + 8;
    if (until?.(tag)) return at;
    const { vr, length, valueAt } = headerAt(bytes, view, at, end, tag, syntax);
    if (length !== undefinedLength) {
      if (valueAt + length > end) {
        if (!(isPrefix && tag === pixelData)) throw new IncompleteData(`element ${tag.toString(16)}`);
        into.set(tag, { vr, value: bytes.subarray(valueAt, end) });
        return end;
      }
      into.set(tag, { vr, value: bytes.subarray(valueAt, valueAt + length) });
      at = valueAt + length;
    } else if (tag === pixelData) {
      const { fragments, next } = isPrefix ? { fragments: [], next: end } : parseFragments(bytes, valueAt, end, syntax);
      into.set(tag, { vr, value: bytes.subarray(valueAt, next), fragments });
      at = next;
    } else {
      // A sequence hidden in UN of undefined length is implicit little-endian by definition.
      const { items, next } = parseItems(bytes, valueAt, end, vr === 'UN' ? { explicit: false, little: true } : syntax, depth + 1, true);
      into.set(tag, { vr, value: bytes.subarray(valueAt, next), items });
      at = next;
    }
  }
  if (isOpenItem) throw new IncompleteData('an item has no end');
  if (isPrefix) throw new IncompleteData('the prefix ends');
  return at;
}

/** The items of a sequence value of known length. A damaged one gives the items before the damage. */
export function parseSequence(value: Uint8Array, syntax: Syntax): readonly DicomDataset[] {
  return parseItems(value, 0, value.length, syntax, 1, false).items;
}

function headerAt(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  tag: number,
  { explicit, little }: Syntax,
): { vr: string; length: number; valueAt: number } {
  if (tag >>> 16 === 0xfffe) throw new MalformedData(`stray item mark ${tag.toString(16)}`);
  if (!explicit) return { vr: '', length: view.getUint32(at + 4, little), valueAt: at + 8 };
  const vr = String.fromCharCode(bytes[at + 4] as number, bytes[at + 5] as number);
  if (!/^[A-Z]{2}$/.test(vr)) throw new MalformedData(`value representation of ${tag.toString(16)}`);
  if (!longForms.has(vr)) return { vr, length: view.getUint16(at + 6, little), valueAt: at + 8 };
  if (at + 12 > end) throw new IncompleteData('an element has no length');
  return { vr, length: view.getUint32(at + 8, little), valueAt: at + 12 };
}

function parseItems(
  bytes: Uint8Array,
  at: number,
  end: number,
  syntax: Syntax,
  depth: number,
  isOpen: boolean,
): { items: DicomDataset[]; next: number } {
  const items: DicomDataset[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while (at + 8 <= end) {
    const tag = ((view.getUint16(at, syntax.little) << 16) | view.getUint16(at + 2, syntax.little)) >>> 0;
    const length = view.getUint32(at + 4, syntax.little);
    at += 8;
    if (tag === sequenceEnd) return { items, next: at };
    if (tag !== itemTag) throw new MalformedData(`no item mark but ${tag.toString(16)}`);
    const elements = new Map<number, DicomElement>();
    if (length === undefinedLength) at = parseElements(bytes, at, end, syntax, elements, { depth, isOpenItem: true });
    else if (at + length > end) throw new IncompleteData('an item reaches beyond its sequence');
    else at = Math.max(at + length, parseElements(bytes, at, at + length, syntax, elements, { depth }));
    items.push(new DicomDataset(elements, syntax, parseSequence));
  }
  if (isOpen) throw new IncompleteData('a sequence has no end');
  return { items, next: at };
}

function parseFragments(bytes: Uint8Array, at: number, end: number, { little }: Syntax): { fragments: Uint8Array[]; next: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fragments: Uint8Array[] = [];
  while (at + 8 <= end) {
    const tag = ((view.getUint16(at, little) << 16) | view.getUint16(at + 2, little)) >>> 0;
    const length = view.getUint32(at + 4, little);
    at += 8;
    if (tag === sequenceEnd) return { fragments, next: at };
    if (tag !== itemTag || length === undefinedLength) throw new MalformedData('compressed pixel data');
    if (at + length > end) throw new IncompleteData('compressed pixel data');
    fragments.push(bytes.subarray(at, at + length));
    at += length;
  }
  // Many writers leave out the last mark; the fragments are whole all the same.
  if (fragments.length > 1) return { fragments, next: end };
  throw new IncompleteData('compressed pixel data');
}
