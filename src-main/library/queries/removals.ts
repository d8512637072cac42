import type { CaseId } from '#shared/domain/ids.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { recordEvent } from './events.ts';

/** What a removal has still to take from the disk. */
export interface Cleaning {
  /** Folders of image copies, relative to the project folder. */
  readonly imageFolders: readonly string[];
  /** What texts may call the case: its name and the names of its files. */
  readonly names: readonly string[];
}

/**
 * Takes cases out of the library with all that hangs on them, in one transaction: from then on they are gone, and `cleaning` says what the disk
 * still has of each. The trail keeps who did it and when, and which models had learned from them.
 */
export function removeCaseRows(
  write: WriteHandle,
  cases: readonly { readonly caseId: CaseId; readonly cleaning: Cleaning }[],
  { message, learnedModels }: { readonly message: string; readonly learnedModels: readonly string[] },
): void {
  write.transaction(() => {
    for (const { caseId, cleaning } of cases) {
      write.run('INSERT INTO removed_case (case_id, at, who, cleaning) VALUES ($caseId, $at, $who, $cleaning)', {
        caseId,
        at: new Date().toISOString(),
        who: write.author,
        cleaning: JSON.stringify(cleaning),
      });
      for (const table of ['metric', 'prediction', 'reading', 'case_numbering', 'mask_revision', 'image', 'event'])
        write.run(`DELETE FROM ${table} WHERE case_id = $caseId`, { caseId });
      write.run('DELETE FROM cases WHERE id = $caseId', { caseId });
    }
    recordEvent(write, { kind: 'case-removed', message, detail: { caseIds: cases.map(({ caseId }) => caseId), learnedModels } });
  });
}

/** Removals that have not got to their end. */
export function unfinishedRemovals(read: ReadHandle): { readonly caseId: CaseId; readonly cleaning: Cleaning }[] {
  return read
    .all<{ case_id: string; cleaning: string }>('SELECT case_id, cleaning FROM removed_case WHERE cleaning IS NOT NULL')
    .map((row) => ({ caseId: row.case_id, cleaning: { imageFolders: [], names: [], ...(JSON.parse(row.cleaning) as Partial<Cleaning>) } }));
}

/** The files are gone: the names are forgotten, and the library itself is what is left to clean. */
export function forgetCleanedNames(write: WriteHandle, caseIds: readonly CaseId[]): void {
  write.run("UPDATE removed_case SET cleaning = '{}' WHERE case_id IN (SELECT value FROM json_each($caseIds))", {
    caseIds: JSON.stringify(caseIds),
  });
}

export function finishRemovals(write: WriteHandle, caseIds: readonly CaseId[]): void {
  write.run('UPDATE removed_case SET cleaning = NULL WHERE case_id IN (SELECT value FROM json_each($caseIds))', {
    caseIds: JSON.stringify(caseIds),
  });
}
