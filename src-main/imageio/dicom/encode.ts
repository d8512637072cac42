import { dictionary, uids, type Keyword } from './dictionary.ts';

/** Attributes to write. Text may be a list (joined by backslashes); sequences are lists of records; binary values are bytes. */
export type DicomRecord = {
  readonly [K in Keyword]?: string | number | readonly (string | number)[] | Uint8Array | readonly DicomRecord[];
};

export interface EncodeOptions {
  readonly transferSyntax?: string;
  /** Compressed frames, each one fragment; then `PixelData` is left out of the record. */
  readonly frames?: readonly Uint8Array[];
}

const implementationClassUid = '2.25.209318234950417238405610742310548206753';
const longForms = new Set(['OB', 'OV', 'OW', 'SQ', 'UN', 'UT']);
const text = new TextEncoder();

/** A DICOM file in explicit VR little-endian (or implicit VR, or with compressed frames in the named syntax), as pieces in order. */
export function encodeDicom(record: DicomRecord, { transferSyntax = uids.explicitLittle, frames }: EncodeOptions = {}): Uint8Array[] {
  const meta = concatenated(
    encodeRecord({
      FileMetaInformationVersion: new Uint8Array([0, 1]),
      MediaStorageSOPClassUID: String(record.SOPClassUID),
      MediaStorageSOPInstanceUID: String(record.SOPInstanceUID),
      TransferSyntaxUID: transferSyntax,
      ImplementationClassUID: implementationClassUid,
    }),
  );
  const preamble = new Uint8Array(132 + 12);
  preamble.set(text.encode('DICM'), 128);
  preamble.set([2, 0, 0, 0, 0x55, 0x4c, 4, 0], 132); // (0002,0000) UL, the length of the group
  new DataView(preamble.buffer).setUint32(140, meta.length, true);
  return [preamble, meta, ...encodeRecord(record, transferSyntax !== uids.implicitLittle), ...(frames ? encapsulated(frames) : [])];
}

function encodeRecord(record: DicomRecord, explicit = true): Uint8Array[] {
  const entries = Object.entries(record) as [Keyword, DicomRecord[Keyword]][];
  return entries
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => dictionary[a][0] - dictionary[b][0])
    .flatMap(([keyword, value]) => encodeElement(keyword, value as NonNullable<typeof value>, explicit));
}

function encodeElement(keyword: Keyword, value: NonNullable<DicomRecord[Keyword]>, explicit: boolean): Uint8Array[] {
  const [tag, known] = dictionary[keyword];
  const pieces =
    known === 'SQ' ? (value as readonly DicomRecord[]).flatMap((item) => encodeItem(item, explicit)) : [encodeValue(known, value)];
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const isLong = explicit && longForms.has(known);
  const header = new Uint8Array(isLong ? 12 : 8);
  const view = new DataView(header.buffer);
  view.setUint16(0, tag >>> 16, true);
  view.setUint16(2, tag & 0xffff, true);
  if (explicit) header.set(text.encode(known), 4);
  if (isLong || !explicit) view.setUint32(isLong ? 8 : 4, length, true);
  else view.setUint16(6, length, true);
  return [header, ...pieces];
}

function encodeItem(record: DicomRecord, explicit: boolean): Uint8Array[] {
  const pieces = encodeRecord(record, explicit);
  return [
    mark(
      0xe000,
      pieces.reduce((sum, piece) => sum + piece.length, 0),
    ),
    ...pieces,
  ];
}

function mark(element: number, length: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xfffe, true);
  view.setUint16(2, element, true);
  view.setUint32(4, length, true);
  return bytes;
}

function encapsulated(frames: readonly Uint8Array[]): Uint8Array[] {
  const header = new Uint8Array([0xe0, 0x7f, 0x10, 0, 0x4f, 0x42, 0, 0, 0xff, 0xff, 0xff, 0xff]);
  return [
    header,
    mark(0xe000, 0),
    ...frames.flatMap((frame) => [mark(0xe000, frame.length + (frame.length % 2)), padded(frame, 0)]),
    mark(0xe0dd, 0),
  ];
}

function encodeValue(vr: string, value: NonNullable<DicomRecord[Keyword]>): Uint8Array {
  if (value instanceof Uint8Array) return padded(value, 0);
  const values = (Array.isArray(value) ? value : [value]) as readonly (string | number)[];
  if (vr === 'US' || vr === 'UL') {
    const width = vr === 'US' ? 2 : 4;
    const bytes = new Uint8Array(values.length * width);
    const view = new DataView(bytes.buffer);
    values.forEach((x, n) => {
      if (width === 2) view.setUint16(n * 2, Number(x), true);
      else view.setUint32(n * 4, Number(x), true);
    });
    return bytes;
  }
  if (vr === 'FD') {
    const bytes = new Uint8Array(values.length * 8);
    const view = new DataView(bytes.buffer);
    values.forEach((x, n) => {
      view.setFloat64(n * 8, Number(x), true);
    });
    return bytes;
  }
  if (vr === 'AT') {
    const bytes = new Uint8Array(values.length * 4);
    const view = new DataView(bytes.buffer);
    values.forEach((x, n) => {
      view.setUint16(n * 4, Number(x) >>> 16, true);
      view.setUint16(n * 4 + 2, Number(x) & 0xffff, true);
    });
    return bytes;
  }
  const written = values.map((x) => (vr === 'DS' ? decimal(Number(x)) : String(x))).join('\\');
  return padded(text.encode(written), vr === 'UI' ? 0 : 0x20);
}

/** A decimal string of at most 16 characters with as many digits as fit. */
function decimal(x: number): string {
  for (let digits = 16; digits > 0; digits--) {
    const written = String(Number(x.toPrecision(digits)));
    if (written.length <= 16) return written;
  }
  return '0';
}

function padded(bytes: Uint8Array, filler: number): Uint8Array {
  if (bytes.length % 2 === 0) return bytes;
  const even = new Uint8Array(bytes.length + 1);
  even.set(bytes);
  even[bytes.length] = filler;
  return even;
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
