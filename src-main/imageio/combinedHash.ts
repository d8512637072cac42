import { createHash } from 'node:crypto';

/** One hash for several files, whatever their order. */
export function combinedHash(hashes: Iterable<string>): string {
  const sorted = [...hashes].sort();
  return sorted.length === 1 ? (sorted[0] as string) : createHash('sha256').update(sorted.join('\n')).digest('hex');
}

/** The hash of one volume (from 1) of a file that holds several. */
export function hashOfVolume(fileHash: string, volume: number): string {
  return createHash('sha256')
    .update(`${fileHash}\nvolume ${String(volume)}`)
    .digest('hex');
}
