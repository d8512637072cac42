import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw } from 'node:zlib';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { ByteReader, ByteWriter } from '#shared/segmentation/bytes.ts';
import { decodeHistory, decodeMask, encodeHistory, encodeMask, type History } from '#shared/segmentation/index.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { fileError } from '#main/files/fileError.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** 'LSNP', format, inflated length (varint), deflated block (mask, then history), CRC-32 of all before it. */
const magic = 0x504e534c;
const format = 1;

export interface Snapshot {
  readonly volume: LabelVolume;
  readonly history: History;
  /** CRC-32 of the encoded mask: what a following journal says it continues. */
  readonly maskChecksum: number;
}

/** A mask and its whole undo history as bytes (encodeMask, encodeHistory), which further edits do not change. */
export interface EncodedState {
  readonly mask: Uint8Array;
  readonly history: Uint8Array;
}

export function encodeState({ volume, history }: { readonly volume: LabelVolume; readonly history: History }): EncodedState {
  return { mask: encodeMask(volume), history: encodeHistory(history) };
}

/** Resolves to the mask's checksum once all of it is on disk. Throws `disk-full`, `io`. */
export async function writeSnapshot(path: string, { mask, history }: EncodedState): Promise<number> {
  const maskChecksum = crc32(mask);
  const body = new ByteWriter(mask.length + 1024);
  body.block(mask);
  body.block(history);
  const out = new ByteWriter(1024);
  out.uint32(magic);
  out.byte(format);
  out.varint(body.length);
  out.block(await deflate(body.finish(), { level: 1 }));
  out.uint32(crc32(out.view()));
  await writeFileAtomically(path, out.finish());
  return maskChecksum;
}

/** Throws `corrupt` for damage and `io`. `maximumVoxels` bounds what is allocated. */
export async function readSnapshot(path: string, maximumVoxels: number): Promise<Snapshot> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(error, path);
  }
  const damage = (detail: string): StudioError =>
    new StudioError('corrupt', 'A saved version of this mask is damaged.', { detail: `${detail} ${path}` });
  if (bytes.length < 12 || crc32(bytes.subarray(0, -4)) !== new ByteReader(bytes, bytes.length - 4).uint32())
    throw damage('snapshot checksum');
  const input = new ByteReader(bytes);
  if (input.uint32() !== magic || input.byte() !== format) throw damage('not a snapshot');
  const length = input.varint();
  let inflated: Buffer;
  try {
    inflated = await inflate(input.block(), { maxOutputLength: Math.max(1, length) });
  } catch {
    throw damage('snapshot compression');
  }
  const body = new ByteReader(inflated);
  const mask = body.block();
  return { volume: decodeMask(mask, { maximumVoxels }), history: decodeHistory(body.block()), maskChecksum: crc32(mask) };
}
