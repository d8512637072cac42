import { open } from 'node:fs/promises';
import { constants, createGunzip } from 'node:zlib';
import type { Compression } from './byteSource.ts';
import { asFileError, invalidFile } from './failure.ts';
import { metaImageVolumes } from './metaimage/header.ts';
import { niftiVersion, niftiVolumes } from './nifti/header.ts';
import { nrrdVolumes } from './nrrd/header.ts';

export interface Detected {
  readonly kind: 'nifti' | 'nrrd' | 'metaimage' | 'dicom';
  readonly compression: Compression;
  /** Volumes that one file holds; a series of DICOM files is counted elsewhere. */
  readonly volumes: number;
}

const longHeader = 1 << 16;

/** The first `length` bytes of a file, or fewer. */
export async function readHead(path: string, length: number): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      if (!(await file.stat()).isFile()) return new Uint8Array(0);
      const bytes = new Uint8Array(length);
      const { bytesRead } = await file.read(bytes, 0, length, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asFileError(path, error);
  }
}

/** A file's format by its content (names lie), or null for a file of no image format that is read here. Throws `invalid-file` on an empty or damaged one. */
export async function detectFormat(path: string): Promise<Detected | null> {
  const head = await readHead(path, 4096);
  if (head.length === 0) throw invalidFile(path, 'is empty.');
  if (head[0] === 0x1f && head[1] === 0x8b) {
    const inflated = await inflatedHead(head, 600);
    if (inflated.length === 0) throw invalidFile(path, 'is damaged: its compressed data breaks off or is not valid.');
    const kind = kindOf(inflated);
    return kind === null ? null : { kind, compression: 'gzip', volumes: kind === 'nifti' ? niftiVolumes(inflated) : 1 };
  }
  const kind = kindOf(head);
  if (kind === null) return null;
  const text = async (): Promise<string> => new TextDecoder('latin1').decode(await readHead(path, longHeader));
  const volumes =
    kind === 'nifti'
      ? niftiVolumes(head)
      : kind === 'nrrd'
        ? nrrdVolumes(await text())
        : kind === 'metaimage'
          ? metaImageVolumes(await text())
          : 1;
  return { kind, compression: 'none', volumes };
}

function kindOf(head: Uint8Array): Detected['kind'] | null {
  const text = new TextDecoder('latin1').decode(head.subarray(0, 600));
  if (text.startsWith('NRRD000')) return 'nrrd';
  if (text.slice(128, 132) === 'DICM') return 'dicom';
  if (niftiVersion(head) !== null) return 'nifti';
  if (/^\s*(ObjectType|NDims)\s*=/m.test(text) && /^\s*NDims\s*=/m.test(text)) return 'metaimage';
  return startsLikeDicom(head) ? 'dicom' : null;
}

/** DICOM without its preamble: a first element of group 2 or 8 in explicit VR, or with a short length in implicit VR. */
function startsLikeDicom(head: Uint8Array): boolean {
  if (head.length < 16) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (const little of [true, false]) {
    const group = view.getUint16(0, little),
      element = view.getUint16(2, little);
    if ((group !== 2 && group !== 8) || element > 0x0100) continue;
    if (/^(UL|UI|CS|DA|TM|SH|LO|OB|AE|IS|PN|UN)$/.test(String.fromCharCode(head[4] ?? 0, head[5] ?? 0))) return true;
    if (view.getUint32(4, little) <= 64) return true;
  }
  return false;
}

/** The first bytes of a gzip stream of which only the head is at hand. */
function inflatedHead(head: Uint8Array, length: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const gunzip = createGunzip({ chunkSize: 4096, finishFlush: constants.Z_SYNC_FLUSH });
    const chunks: Buffer[] = [];
    let total = 0;
    const settle = (): void => {
      gunzip.destroy();
      resolve(new Uint8Array(Buffer.concat(chunks)));
    };
    gunzip.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      total += chunk.length;
      if (total >= length) settle();
    });
    gunzip.on('end', settle);
    gunzip.on('error', settle);
    gunzip.end(head);
  });
}
