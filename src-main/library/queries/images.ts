import type { ImageId } from '#shared/domain/ids.ts';
import type { ImageRecord } from '#shared/domain/image.ts';
import { spacing, type Grid } from '#shared/geometry/grid.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import { recordEvent } from './events.ts';

interface Row { id: string; case_id: string; content_hash: string; storage: 'copy' | 'reference'; paths: string; format: string; modality: string; grid: string; added_at: string }

function toImage(row: Row): ImageRecord {
  return {
    id: row.id, caseId: row.case_id, contentHash: row.content_hash, storage: row.storage, paths: JSON.parse(row.paths) as string[],
    format: row.format, modality: row.modality, grid: JSON.parse(row.grid) as Grid, addedAt: row.added_at,
  };
}

/** Adds an image to its case, which takes over modality, size and spacing. Throws `conflict` for an unknown case. */
export function addImage(write: WriteHandle, image: Omit<ImageRecord, 'id' | 'addedAt'>): ImageId {
  const id = newId();
  write.transaction(() => {
    write.run(
      `INSERT INTO image (id, case_id, content_hash, storage, paths, format, modality, grid, added_at)
       VALUES ($id, $caseId, $contentHash, $storage, $paths, $format, $modality, $grid, $at)`,
      {
        id, caseId: image.caseId, contentHash: image.contentHash, storage: image.storage, paths: JSON.stringify(image.paths),
        format: image.format, modality: image.modality, grid: JSON.stringify(image.grid), at: new Date().toISOString(),
      },
    );
    write.run('UPDATE cases SET modality = $modality, size = $size, spacing = $spacing WHERE id = $caseId', {
      caseId: image.caseId, modality: image.modality, size: JSON.stringify(image.grid.size), spacing: JSON.stringify(spacing(image.grid)),
    });
    recordEvent(write, { kind: 'image-added', caseId: image.caseId, message: `Image added (${image.format}).`, detail: { contentHash: image.contentHash, storage: image.storage } });
  });
  return id;
}

/** The image with this content, if the project has it already. */
export function findImageByHash(read: ReadHandle, contentHash: string): ImageRecord | undefined {
  const row = read.get<Row>('SELECT * FROM image WHERE content_hash = $contentHash LIMIT 1', { contentHash });
  return row === undefined ? undefined : toImage(row);
}

/** Of one case, or of all; oldest first. */
export function listImages(read: ReadHandle, caseId?: string): ImageRecord[] {
  const rows = caseId === undefined
    ? read.all<Row>('SELECT * FROM image ORDER BY id')
    : read.all<Row>('SELECT * FROM image WHERE case_id = $caseId ORDER BY id', { caseId });
  return rows.map(toImage);
}
