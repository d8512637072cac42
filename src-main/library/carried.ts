import Database from 'better-sqlite3';
import type { ImageRecord } from '#shared/domain/image.ts';
import { databaseError, type ReadHandle } from './handle.ts';

/** Where an image lies in a project that is carried elsewhere, relative to its folder, and the hash that reading it there gives. */
export type CarriedImage = Pick<ImageRecord, 'id' | 'paths' | 'storedHash'>;

/**
 * Writes a copy of a library for a project that is carried to another computer: every image is its own, and
 * nothing is left of jobs, whose folders stay behind. Throws `disk-full`, `io`.
 */
export function copyForCarrying(read: ReadHandle, to: string, images: readonly CarriedImage[]): void {
  try {
    read.copyTo(to);
    const copy = new Database(to);
    try {
      const move = copy.prepare(
        "UPDATE image SET storage = 'copy', paths = $paths, stored_hash = $storedHash, file_states = NULL WHERE id = $id",
      );
      copy.transaction(() => {
        for (const { id, paths: at, storedHash } of images) move.run({ id, paths: JSON.stringify(at), storedHash });
        copy.exec('DELETE FROM job; UPDATE model SET job_id = NULL;');
      })();
    } finally {
      copy.close();
    }
  } catch (error) {
    throw databaseError(error);
  }
}
