/** What a packed project is: a tar archive that names itself first, then holds the project's files, and last their SHA-256. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { tarEntries, type TarEntry } from '#main/files/tar.ts';

export const packedEnding = '.logonet';
export const descriptionName = 'logonet.json';
export const checksumsName = 'SHA256SUMS';
const format = 1;

const description = v.object({
  format: v.number(),
  id: v.string(),
  name: v.string(),
  /** Of the library; a newer one is not unpacked. */
  schema: v.number(),
  files: v.number(),
  bytes: v.number(),
});
export type PackedDescription = Omit<v.InferOutput<typeof description>, 'format'>;

export function descriptionText(described: PackedDescription): Buffer {
  return Buffer.from(`${JSON.stringify({ format, ...described }, null, 2)}\n`);
}

export function checksumsText(hashes: ReadonlyMap<string, string>): Buffer {
  return Buffer.from([...hashes].map(([name, hash]) => `${hash}  ${name}\n`).join(''));
}

const longestText = 64 * 2 ** 20;

/**
 * Goes through a packed project: `take` gets its files in turn and has to read each to its end. Resolves when every checksum was right.
 * Throws `invalid-file` for any other file, `unsupported` for one of a newer version, and `corrupt` for one that is not what was packed.
 */
export async function readPacked(
  file: FileHandle,
  newestSchema: number,
  take: (entry: TarEntry, pieces: AsyncIterable<Uint8Array>, described: PackedDescription) => Promise<void>,
): Promise<PackedDescription> {
  await requireArchive(file);
  let described: PackedDescription | null = null;
  const hashes = new Map<string, string>();
  for await (const entry of tarEntries(file)) {
    if (described === null) described = await descriptionOf(entry, newestSchema);
    else if (entry.name === checksumsName) {
      compare((await whole(entry)).toString('utf8'), hashes);
      return described;
    } else {
      if (hashes.has(entry.name)) throw notAsPacked(entry.name);
      const hash = createHash('sha256');
      await take(entry, hashed(entry, hash), described);
      hashes.set(entry.name, hash.digest('hex'));
    }
  }
  throw notAsPacked('its end');
}

/** What a packed project says of itself. Throws as `readPacked`. */
export async function describePacked(file: FileHandle, newestSchema: number): Promise<PackedDescription> {
  await requireArchive(file);
  for await (const entry of tarEntries(file)) return descriptionOf(entry, newestSchema);
  throw noProject();
}

/** Any other file is told from one that is damaged. */
async function requireArchive(file: FileHandle): Promise<void> {
  const { buffer } = await file.read(Buffer.alloc(262), 0, 262, 0);
  if (buffer.toString('latin1', 257) !== 'ustar') throw noProject();
}

async function descriptionOf(entry: TarEntry, newestSchema: number): Promise<PackedDescription> {
  if (entry.name !== descriptionName) throw noProject();
  let json: unknown;
  try {
    json = JSON.parse((await whole(entry)).toString('utf8'));
  } catch {
    throw noProject();
  }
  const parsed = v.safeParse(description, json);
  if (!parsed.success) throw noProject();
  if (parsed.output.format > format || parsed.output.schema > newestSchema)
    throw new StudioError(
      'unsupported',
      'This project was packed by a newer version of LoGoNet Studio. Install that version to unpack it.',
    );
  return parsed.output;
}

async function* hashed(entry: TarEntry, hash: ReturnType<typeof createHash>): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const piece of entry.pieces()) {
    hash.update(piece);
    read += piece.length;
    yield piece;
  }
  if (read !== entry.size) throw notAsPacked(entry.name);
}

async function whole(entry: TarEntry): Promise<Buffer> {
  if (entry.size > longestText) throw notAsPacked(entry.name);
  const pieces: Buffer[] = [];
  for await (const piece of entry.pieces()) pieces.push(piece);
  return Buffer.concat(pieces);
}

function compare(checksums: string, hashes: ReadonlyMap<string, string>): void {
  const wanted = new Map(
    checksums
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
  for (const [name, hash] of wanted) if (hashes.get(name) !== hash) throw notAsPacked(name);
  for (const name of hashes.keys()) if (!wanted.has(name)) throw notAsPacked(name);
}

function noProject(): StudioError {
  return new StudioError('invalid-file', 'This file is no packed project of LoGoNet Studio.');
}

function notAsPacked(name: string): StudioError {
  return new StudioError(
    'corrupt',
    'This file is not what was packed: it was damaged, or not copied to its end. Copy it again from where it was made.',
    { detail: name },
  );
}
