import type { CaseId } from '#shared/domain/ids.ts';
import type { MaskRevision } from '#shared/domain/mask.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import { setCaseStatus } from './cases.ts';
import { recordEvent } from './events.ts';

interface Row { id: string; case_id: string; revision: number; path: string; content_hash: string; origin: 'accepted' | 'imported'; voxels: string; created_at: string; created_by: string }

function toRevision(row: Row): MaskRevision {
  return {
    id: row.id, caseId: row.case_id, revision: row.revision, path: row.path, contentHash: row.content_hash, origin: row.origin,
    voxels: JSON.parse(row.voxels) as Record<number, number>, createdAt: row.created_at, createdBy: row.created_by,
  };
}

/** Adds the next revision of a case's mask and marks the case as accepted. Its file is on disk already. Throws `conflict` for an unknown case. */
export function addMaskRevision(write: WriteHandle, mask: Pick<MaskRevision, 'caseId' | 'path' | 'contentHash' | 'origin' | 'voxels'>): MaskRevision {
  return write.transaction(() => {
    const id = newId();
    const last = write.get<{ revision: number | null }>('SELECT max(revision) AS revision FROM mask_revision WHERE case_id = $caseId', { caseId: mask.caseId });
    const revision: MaskRevision = { ...mask, id, revision: (last?.revision ?? 0) + 1, createdAt: new Date().toISOString(), createdBy: write.author };
    write.run(
      `INSERT INTO mask_revision (id, case_id, revision, path, content_hash, origin, voxels, created_at, created_by)
       VALUES ($id, $caseId, $revision, $path, $contentHash, $origin, $voxels, $at, $who)`,
      {
        id, caseId: mask.caseId, revision: revision.revision, path: mask.path, contentHash: mask.contentHash, origin: mask.origin,
        voxels: JSON.stringify(mask.voxels), at: revision.createdAt, who: write.author,
      },
    );
    write.run('UPDATE cases SET has_mask = 1 WHERE id = $caseId', { caseId: mask.caseId });
    recordEvent(write, {
      kind: mask.origin === 'accepted' ? 'acceptance' : 'mask-imported', caseId: mask.caseId,
      message: mask.origin === 'accepted' ? `Mask accepted (revision ${revision.revision}).` : `Mask imported (revision ${revision.revision}).`,
      detail: { contentHash: mask.contentHash },
    });
    setCaseStatus(write, mask.caseId, 'accepted');
    return revision;
  });
}

/** Newest first. */
export function listMaskRevisions(read: ReadHandle, caseId: CaseId): MaskRevision[] {
  return read.all<Row>('SELECT * FROM mask_revision WHERE case_id = $caseId ORDER BY revision DESC', { caseId }).map(toRevision);
}

export function latestMaskRevision(read: ReadHandle, caseId: CaseId): MaskRevision | undefined {
  const row = read.get<Row>('SELECT * FROM mask_revision WHERE case_id = $caseId ORDER BY revision DESC LIMIT 1', { caseId });
  return row === undefined ? undefined : toRevision(row);
}
