import type { CaseId, ImageId } from '#shared/domain/ids.ts';
import type { Affine } from '#shared/geometry/grid.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { recordEvent } from './events.ts';

/** Where a person has placed another scan of the patient on a case's leading image (null: one world); undefined where nobody has. */
export function scanPlacement(read: ReadHandle, caseId: CaseId, scanId: CaseId): { readonly toLeading: Affine | null } | undefined {
  const row = read.get<{ to_leading: string | null }>(
    'SELECT to_leading FROM scan_placement WHERE case_id = $caseId AND scan_id = $scanId',
    { caseId, scanId },
  );
  return row === undefined ? undefined : { toLeading: row.to_leading === null ? null : (JSON.parse(row.to_leading) as Affine) };
}

export function placeScan(write: WriteHandle, caseId: CaseId, scanId: CaseId, toLeading: Affine | null): void {
  write.transaction(() => {
    const before = scanPlacement(write, caseId, scanId);
    write.run(
      `INSERT INTO scan_placement (case_id, scan_id, to_leading) VALUES ($caseId, $scanId, $toLeading)
       ON CONFLICT (case_id, scan_id) DO UPDATE SET to_leading = excluded.to_leading`,
      { caseId, scanId, toLeading: toLeading === null ? null : JSON.stringify(toLeading) },
    );
    recordEvent(write, {
      kind: 'image-placed',
      caseId,
      message: 'Another scan of the patient placed by hand.',
      detail: { scanId, before: before ?? null, after: { toLeading } },
    });
  });
}

/** Notes what the header of a case's leading image says; a day that is known stays. */
export function noteScan(
  write: WriteHandle,
  { caseId, imageId, date, frameOfReference }: { caseId: CaseId; imageId: ImageId; date: string | null; frameOfReference: string },
): void {
  write.transaction(() => {
    write.run('UPDATE image SET frame_of_reference = $frameOfReference WHERE id = $imageId', { imageId, frameOfReference });
    write.run('UPDATE cases SET scan_date = coalesce(scan_date, $date) WHERE id = $caseId', { caseId, date });
  });
}
