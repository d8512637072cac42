import { createHash } from 'node:crypto';
import type { ReadHandle, WriteHandle } from '../handle.ts';

/** A value that a label had, and its name, in masks that were imported; the name is empty where it had none. */
export interface LabelSource {
  readonly value: number;
  readonly sourceValue: number;
  readonly sourceName: string;
}

export function addLabelSources(write: WriteHandle, sources: readonly LabelSource[]): void {
  write.transaction(() => {
    for (const { value, sourceValue, sourceName } of sources)
      write.run('INSERT OR IGNORE INTO label_source (value, source_value, source_name) VALUES ($value, $sourceValue, $sourceName)', {
        value,
        sourceValue,
        sourceName,
      });
  });
}

/** Makes the list what it was at another time. */
export function setLabelSources(write: WriteHandle, sources: readonly LabelSource[]): void {
  write.transaction(() => {
    write.run('DELETE FROM label_source');
    addLabelSources(write, sources);
  });
}

export function listLabelSources(read: ReadHandle): LabelSource[] {
  return read.all<LabelSource>(
    'SELECT value, source_value AS "sourceValue", source_name AS "sourceName" FROM label_source ORDER BY value, source_value, source_name',
  );
}

/** Which values the labels of a case had in the files that its mask was imported from. */
export type Numbering = readonly Pick<LabelSource, 'value' | 'sourceValue'>[];

export function setNumbering(write: WriteHandle, caseId: string, numbering: Numbering): void {
  const numbers = JSON.stringify(
    [
      ...new Map(
        numbering.map(({ value, sourceValue }) => [`${String(value)} ${String(sourceValue)}`, [value, sourceValue] as const]),
      ).values(),
    ].sort((a, b) => a[0] - b[0] || a[1] - b[1]),
  );
  const id = createHash('sha256').update(numbers).digest('hex').slice(0, 32);
  write.transaction(() => {
    write.run('INSERT OR IGNORE INTO numbering (id, numbers) VALUES ($id, $numbers)', { id, numbers });
    write.run('INSERT OR REPLACE INTO case_numbering (case_id, numbering_id) VALUES ($caseId, $id)', { caseId, id });
  });
}

/** Null where the case's masks were all made here. */
export function numberingOf(read: ReadHandle, caseId: string): Numbering | null {
  const row = read.get<{ numbers: string }>(
    'SELECT numbers FROM case_numbering JOIN numbering ON numbering.id = numbering_id WHERE case_id = $caseId',
    { caseId },
  );
  return row === undefined ? null : (JSON.parse(row.numbers) as [number, number][]).map(([value, sourceValue]) => ({ value, sourceValue }));
}

/** A code that sources gave a label: `key` is what it is known by, `meaning` what it says. */
export interface StoredLabelCode {
  readonly value: number;
  readonly key: string;
  readonly meaning: string;
}

export function addLabelCodes(write: WriteHandle, codes: readonly StoredLabelCode[]): void {
  write.transaction(() => {
    for (const { value, key, meaning } of codes)
      write.run('INSERT OR IGNORE INTO label_code (value, code, meaning) VALUES ($value, $key, $meaning)', { value, key, meaning });
  });
}

export function listLabelCodes(read: ReadHandle): StoredLabelCode[] {
  return read.all<StoredLabelCode>('SELECT value, code AS "key", meaning FROM label_code ORDER BY value, code');
}
