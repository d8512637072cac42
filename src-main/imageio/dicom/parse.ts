import { inflateRawSync } from 'node:zlib';
import { invalidFile } from '../failure.ts';
import { DicomDataset, type DicomElement, type Syntax } from './dataset.ts';
import { uids } from './dictionary.ts';
import { IncompleteData, MalformedData, parseElements, parseSequence } from './parseElements.ts';

export interface DicomFile {
  readonly path: string;
  readonly dataset: DicomDataset;
  readonly transferSyntax: string;
}

const inflatedLimit = 1 << 30;
const deflateRatio = 1032;

/**
 * Parses a DICOM file (with or without preamble and meta group; implicit, explicit, big-endian, deflated). Values are views of `bytes`.
 * Returns null when `bytes` is only the beginning of the file (`isPrefix`) and ends before the pixel data. Throws `invalid-file`.
 */
export function parseDicom(path: string, bytes: Uint8Array, isPrefix = false): DicomFile | null {
  try {
    const meta = new Map<number, DicomElement>();
    const hasPreamble = String.fromCharCode(...bytes.subarray(128, 132)) === 'DICM';
    const explicitLittle: Syntax = { explicit: true, little: true };
    let at = hasPreamble ? 132 : 0;
    if (hasPreamble || isMetaGroup(bytes, at)) {
      at = parseElements(bytes, at, bytes.length, explicitLittle, meta, { until: (tag) => tag >>> 16 !== 2, isPrefix });
    }
    const named = new DicomDataset(meta, explicitLittle, parseSequence).string('TransferSyntaxUID');
    const transferSyntax = named || guessedSyntax(bytes, at);
    let body = bytes;
    if (transferSyntax === uids.deflated) {
      if (isPrefix) return null;
      body = inflateRawSync(bytes.subarray(at), { maxOutputLength: Math.min(inflatedLimit, bytes.length * deflateRatio) });
      at = 0;
    }
    // Some writers name one syntax and write the other; the first element shows which it is.
    const syntax: Syntax = { explicit: looksExplicit(body, at), little: transferSyntax !== uids.explicitBig };
    const elements = new Map<number, DicomElement>();
    // What follows the pixel data (padding, signatures) is of no use here.
    parseElements(body, at, body.length, syntax, elements, { until: (tag) => tag > 0x7fe00010, isPrefix });
    if (elements.size === 0) throw new MalformedData('no elements');
    return { path, dataset: new DicomDataset(elements, syntax, parseSequence), transferSyntax };
  } catch (error) {
    if (error instanceof IncompleteData && isPrefix) return null;
    if (error instanceof IncompleteData) throw invalidFile(path, 'breaks off: it was not copied completely.', error);
    throw invalidFile(path, 'is no DICOM file, or it is damaged.', error);
  }
}

function isMetaGroup(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 2 && bytes[at + 1] === 0 && looksExplicit(bytes, at);
}

function looksExplicit(bytes: Uint8Array, at: number): boolean {
  return /^[A-Z]{2}$/.test(String.fromCharCode(bytes[at + 4] ?? 0, bytes[at + 5] ?? 0));
}

/** The syntax of a file that does not name it, by its first element. */
function guessedSyntax(bytes: Uint8Array, at: number): string {
  if (!looksExplicit(bytes, at)) return uids.implicitLittle;
  return bytes[at] === 0 && bytes[at + 1] !== 0 ? uids.explicitBig : uids.explicitLittle;
}
