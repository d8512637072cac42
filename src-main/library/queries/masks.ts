import type { CaseId } from '#shared/domain/ids.ts';
import type { Acceptance, MaskRevision } from '#shared/domain/mask.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import { getCase, setCaseStatus } from './cases.ts';
import { recordEvent } from './events.ts';

interface Row {
  id: string;
  case_id: string;
  revision: number;
  path: string;
  content_hash: string;
  origin: 'accepted' | 'imported';
  voxels: string;
  created_at: string;
  created_by: string;
  bulk: 0 | 1;
  unseen: 0 | 1;
}

type How = Pick<Row, 'origin' | 'bulk' | 'unseen'>;

function acceptanceOf({ origin, bulk, unseen }: How): Acceptance {
  return origin === 'imported' ? 'imported' : bulk === 1 ? 'bulk' : unseen === 1 ? 'unseen' : 'reviewed';
}

function toRevision(row: Row): MaskRevision {
  return {
    id: row.id,
    caseId: row.case_id,
    revision: row.revision,
    path: row.path,
    contentHash: row.content_hash,
    acceptance: acceptanceOf(row),
    voxels: JSON.parse(row.voxels) as Record<number, number>,
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}

const said: Record<Acceptance, string> = {
  reviewed: 'accepted',
  unseen: 'accepted without a look at each of its labels',
  bulk: 'accepted in bulk',
  imported: 'imported',
};

/** Adds the next revision of a case's mask and marks the case as accepted. Its file is on disk already. Throws `conflict` for an unknown case. */
export function addMaskRevision(
  write: WriteHandle,
  mask: Pick<MaskRevision, 'caseId' | 'path' | 'contentHash' | 'acceptance' | 'voxels'>,
): MaskRevision {
  return write.transaction(() => {
    const id = newId();
    const last = write.get<{ revision: number | null }>('SELECT max(revision) AS revision FROM mask_revision WHERE case_id = $caseId', {
      caseId: mask.caseId,
    });
    const revision: MaskRevision = {
      ...mask,
      id,
      revision: (last?.revision ?? 0) + 1,
      createdAt: new Date().toISOString(),
      createdBy: write.author,
    };
    write.run(
      `INSERT INTO mask_revision (id, case_id, revision, path, content_hash, origin, bulk, unseen, voxels, created_at, created_by)
       VALUES ($id, $caseId, $revision, $path, $contentHash, $origin, $bulk, $unseen, $voxels, $at, $who)`,
      {
        id,
        caseId: mask.caseId,
        revision: revision.revision,
        path: mask.path,
        contentHash: mask.contentHash,
        origin: mask.acceptance === 'imported' ? 'imported' : 'accepted',
        bulk: mask.acceptance === 'bulk' ? 1 : 0,
        unseen: mask.acceptance === 'unseen' ? 1 : 0,
        voxels: JSON.stringify(mask.voxels),
        at: revision.createdAt,
        who: write.author,
      },
    );
    write.run('UPDATE cases SET has_mask = 1 WHERE id = $caseId', { caseId: mask.caseId });
    recordEvent(write, {
      kind: mask.acceptance === 'imported' ? 'mask-imported' : 'acceptance',
      caseId: mask.caseId,
      message: `Mask ${said[mask.acceptance]} (revision ${revision.revision}).`,
      detail: { contentHash: mask.contentHash },
    });
    setCaseStatus(write, mask.caseId, 'accepted');
    return revision;
  });
}

/**
 * Adds the next revision of masks that were changed as a whole, each accepted as it was before; the cases keep their status. Answers with the
 * revisions in the order of `masks`.
 */
export function reviseMasks(
  write: WriteHandle,
  masks: readonly Pick<MaskRevision, 'caseId' | 'path' | 'contentHash' | 'acceptance' | 'voxels'>[],
): MaskRevision[] {
  return write.transaction(() =>
    masks.map((mask) => {
      const { status } = getCase(write, mask.caseId);
      const revision = addMaskRevision(write, mask);
      setCaseStatus(write, mask.caseId, status);
      return revision;
    }),
  );
}

/** An accepted mask begins to be corrected where `steps` of its history are in force; the case is in correction. */
export function beginCorrection(write: WriteHandle, caseId: CaseId, steps: number): void {
  write.transaction(() => {
    const accepted = getCase(write, caseId).status === 'accepted' ? latestMaskRevision(write, caseId) : undefined;
    setCaseStatus(write, caseId, 'inCorrection');
    const detail = accepted === undefined ? {} : { detail: { accepted: accepted.id, steps } };
    recordEvent(write, { kind: 'correction', caseId, message: 'Correction began.', ...detail });
  });
}

/**
 * Where the correction of an accepted mask began that the case is in now: how many steps of history were in force. Null where the case is in
 * correction for another reason, as by a person's word, or the mask was accepted or changed otherwise since.
 */
export function correctionBegan(read: ReadHandle, caseId: CaseId): number | null {
  if (getCase(read, caseId).status !== 'inCorrection') return null;
  const last = read.get<{ accepted: string | null; steps: number }>(
    `SELECT json_extract(detail, '$.accepted') AS accepted, json_extract(detail, '$.steps') AS steps FROM event
     WHERE case_id = $caseId AND kind IN ('correction', 'status-changed') ORDER BY sequence DESC LIMIT 1`,
    { caseId },
  );
  return last !== undefined && last.accepted !== null && last.accepted === latestMaskRevision(read, caseId)?.id ? last.steps : null;
}

/** The mask is the accepted one again, bit for bit: so is the case. */
export function endCorrection(write: WriteHandle, caseId: CaseId): void {
  write.transaction(() => {
    setCaseStatus(write, caseId, 'accepted');
    recordEvent(write, { kind: 'correction', caseId, message: 'Every correction was taken back.' });
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

/** How the newest mask of each of these cases was accepted; cases without one are left out. */
export function acceptancesOf(read: ReadHandle, caseIds: readonly CaseId[]): Map<CaseId, Acceptance> {
  const rows = read.all<How & { case_id: string }>(
    `SELECT case_id, origin, bulk, unseen FROM mask_revision AS mask WHERE case_id IN (SELECT value FROM json_each($caseIds))
     AND revision = (SELECT max(revision) FROM mask_revision WHERE case_id = mask.case_id)`,
    { caseIds: JSON.stringify(caseIds) },
  );
  return new Map(rows.map((row) => [row.case_id, acceptanceOf(row)]));
}
