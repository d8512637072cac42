import { createHash, type Hash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { ByteSource, type Compression } from './byteSource.ts';
import { readHead } from './detect.ts';
import { invalidFile } from './failure.ts';
import { siblingFile } from './siblingFile.ts';

/** The most bytes that a text header may take. */
const headerLimit = 1 << 20;

/** A text header's bytes, up to and with the end that `findEnd` names; -1 there: no end in sight. Throws `invalid-file`. */
export async function readTextHeader(
  path: string,
  findEnd: (text: string, isWhole: boolean) => number,
): Promise<{ text: string; length: number }> {
  const head = await readHead(path, headerLimit);
  // latin1 keeps one character a byte, so that positions in the text are positions in the file.
  const text = new TextDecoder('latin1').decode(head);
  const end = findEnd(text, head.length < headerLimit);
  if (end < 0) throw invalidFile(path, 'has no end to its header.');
  return { text: new TextDecoder().decode(head.subarray(0, end)), length: end };
}

export interface DataPlace {
  readonly headerPath: string;
  readonly headerLength: number;
  /** A data file beside the header, or null where the data follows in the same file. */
  readonly dataFile: string | null;
  readonly compression: Compression;
  /** Bytes to skip before the voxels; -1: the voxels are the file's last bytes. */
  readonly byteSkip: number;
  /** Bytes of voxels, of one volume. */
  readonly length: number;
  /** Of several volumes that follow each other: which, from 1, and of how many. */
  readonly place?: { readonly number: number; readonly of: number };
  readonly maxBytes: number;
}

/** Reads what a text header announces. The hash covers the header and the data file. */
export async function readAnnouncedData(place: DataPlace): Promise<{ buffer: ArrayBuffer; contentHash: string }> {
  const hash = createHash('sha256');
  const path = place.dataFile === null ? place.headerPath : await siblingFile(place.headerPath, place.dataFile);
  hash.update(await readHead(place.headerPath, place.headerLength));
  const begin = place.dataFile === null ? place.headerLength : 0;
  const skip = place.byteSkip === -1 ? (await stat(path)).size - place.length * (place.place?.of ?? 1) - begin : place.byteSkip;
  if (skip < 0) throw invalidFile(path, 'is shorter than its header says: it was not copied completely, or the header is damaged.');
  return { buffer: await readFrom(path, begin + (place.compression === 'none' ? skip : 0), place, hash), contentHash: hash.digest('hex') };
}

async function readFrom(
  path: string,
  offset: number,
  { compression, byteSkip, length, place = { number: 1, of: 1 }, maxBytes }: DataPlace,
  hash: Hash,
): Promise<ArrayBuffer> {
  const source = await ByteSource.open(path, { offset, compression, hash });
  try {
    if (compression !== 'none' && byteSkip > 0) await source.skip(byteSkip);
    await source.skip((place.number - 1) * length);
    const buffer = await source.takeExactly(length, maxBytes);
    await source.skip((place.of - place.number) * length);
    await source.finish();
    return buffer;
  } finally {
    source.close();
  }
}
