import { StudioError } from '#shared/base/errors.ts';
import type { LabelMetrics } from '#shared/domain/metrics.ts';
import type { Reading } from '#shared/domain/reading.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import { recordEvent } from './events.ts';

interface Row {
  id: string;
  case_id: string;
  reader: string;
  project: string;
  path: string;
  content_hash: string;
  voxels: string;
  made_at: string;
  added_at: string;
  added_by: string;
  compared_with: string | null;
  agreement: string | null;
}

function toReading(row: Row): Reading {
  return {
    id: row.id,
    caseId: row.case_id,
    reader: row.reader,
    project: row.project,
    path: row.path,
    contentHash: row.content_hash,
    voxels: JSON.parse(row.voxels) as Record<number, number>,
    madeAt: row.made_at,
    addedAt: row.added_at,
    addedBy: row.added_by,
    agreement:
      row.compared_with === null || row.agreement === null
        ? null
        : { comparedWith: row.compared_with, labels: JSON.parse(row.agreement) as LabelMetrics[] },
  };
}

/** Adds a reading, whose file is on disk already; its case stays as it is. Throws `conflict` for an unknown case, and for one that is there. */
export function addReading(write: WriteHandle, reading: Omit<Reading, 'id' | 'addedAt' | 'addedBy' | 'agreement'>): string {
  return write.transaction(() => {
    const id = newId();
    write.run(
      `INSERT INTO reading (id, case_id, reader, project, path, content_hash, voxels, made_at, added_at, added_by)
       VALUES ($id, $caseId, $reader, $project, $path, $contentHash, $voxels, $madeAt, $at, $who)`,
      {
        id,
        caseId: reading.caseId,
        reader: reading.reader,
        project: reading.project,
        path: reading.path,
        contentHash: reading.contentHash,
        voxels: JSON.stringify(reading.voxels),
        madeAt: reading.madeAt,
        at: new Date().toISOString(),
        who: write.author,
      },
    );
    recordEvent(write, {
      kind: 'reading-added',
      caseId: reading.caseId,
      message: `Second reading by ${reading.reader} added.`.slice(0, 2000),
      detail: { contentHash: reading.contentHash, project: reading.project },
    });
    return id;
  });
}

/** Of all cases; the newest of each reader's readings of a case alone, unless `all`. */
export function listReadings(read: ReadHandle, { all = false }: { readonly all?: boolean } = {}): Reading[] {
  const readings = read.all<Row>('SELECT * FROM reading ORDER BY made_at DESC, added_at DESC, id').map(toReading);
  if (all) return readings;
  return [...Map.groupBy(readings, ({ caseId, reader }) => `${caseId} ${reader}`).values()].flatMap(([newest]) => newest ?? []);
}

/** Throws `not-found`. */
export function getReading(read: ReadHandle, id: string): Reading {
  const row = read.get<Row>('SELECT * FROM reading WHERE id = $id', { id });
  if (row === undefined) throw new StudioError('not-found', 'This reading is not in the project any more.');
  return toReading(row);
}

export function hasReading(read: ReadHandle, { caseId, reader, contentHash }: Pick<Reading, 'caseId' | 'reader' | 'contentHash'>): boolean {
  return (
    read.get('SELECT 1 FROM reading WHERE case_id = $caseId AND reader = $reader AND content_hash = $contentHash', {
      caseId,
      reader,
      contentHash,
    }) !== undefined
  );
}

/** Keeps what a comparison found, until it would be with something else. */
export function noteAgreement(write: WriteHandle, id: string, { comparedWith, labels }: NonNullable<Reading['agreement']>): void {
  write.run('UPDATE reading SET compared_with = $comparedWith, agreement = $labels WHERE id = $id', {
    id,
    comparedWith,
    labels: JSON.stringify(labels),
  });
}
