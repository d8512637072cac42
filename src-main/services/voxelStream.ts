import type { CallContext } from '#shared/contract/contract.ts';
import type { VoxelArray } from '#shared/geometry/grid.ts';

const pieceBytes = 4 << 20;

export interface VoxelPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface StreamOptions {
  /** Byte offset whose neighbourhood goes first. */
  readonly first?: number;
  /** Leaves out pieces that hold only zeros. */
  readonly sparse?: boolean;
}

/** Sends a voxel array in pieces of at most 4 MiB, from `first` outwards to both ends, with progress; resolves with its length in bytes. */
export async function streamVoxels(
  data: VoxelArray,
  context: CallContext<VoxelPiece>,
  { first = 0, sparse = false }: StreamOptions = {},
): Promise<{ byteLength: number }> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const count = Math.ceil(bytes.length / pieceBytes);
  let sent = 0;
  for (const index of outwards(Math.min(Math.max(0, count - 1), Math.floor(first / pieceBytes)), count)) {
    const piece = bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes);
    if (!sparse || !isZero(piece)) await context.send({ offset: index * pieceBytes, bytes: piece });
    sent++;
    context.report({ phase: 'Loading', fraction: sent / count });
  }
  return { byteLength: bytes.length };
}

/** All indices below `count`, nearest to `start` first. */
export function* outwards(start: number, count: number): Generator<number> {
  for (let distance = 0; distance < count; distance++) {
    if (distance > 0 && start - distance >= 0) yield start - distance;
    if (start + distance < count) yield start + distance;
  }
}

function isZero(piece: Uint8Array): boolean {
  const words = new Uint32Array(piece.buffer, piece.byteOffset, piece.byteOffset % 4 === 0 ? piece.byteLength >> 2 : 0);
  for (const word of words) if (word !== 0) return false;
  for (let i = words.length * 4; i < piece.length; i++) if (piece[i] !== 0) return false;
  return true;
}
