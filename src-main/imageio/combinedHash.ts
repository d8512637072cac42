import { createHash } from 'node:crypto';

/** One hash for several files, whatever their order. */
export function combinedHash(hashes: Iterable<string>): string {
  const sorted = [...hashes].sort();
  return sorted.length === 1 ? (sorted[0] as string) : createHash('sha256').update(sorted.join('\n')).digest('hex');
}
