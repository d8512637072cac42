import { StudioError } from '#shared/base/errors.ts';
import { caseStatuses, type Case, type CaseCounts, type CaseRanking, type CaseStatus } from '#shared/domain/case.ts';
import type { CaseId } from '#shared/domain/ids.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Parameters, ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import { recordEvent } from './events.ts';

interface Row {
  id: string;
  name: string;
  status: CaseStatus;
  notes: string;
  patient_key: string | null;
  scan_date: string | null;
  held_out: number;
  modality: string;
  size: string;
  spacing: string;
  has_mask: number;
  has_prediction: number;
  uncertainty: number | null;
  rank: number | null;
  score: number | null;
  reason: string | null;
  created_at: string;
  updated_at: string;
  updated_by: string;
}

const columns =
  'id, name, status, notes, patient_key, scan_date, held_out, modality, size, spacing, has_mask, has_prediction, uncertainty, rank, score, reason, created_at, updated_at, updated_by';

function toCase(row: Row): Case {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    notes: row.notes,
    patientKey: row.patient_key,
    scanDate: row.scan_date,
    heldOut: row.held_out === 1,
    modality: row.modality,
    size: JSON.parse(row.size) as Triple,
    spacing: JSON.parse(row.spacing) as Triple,
    hasMask: row.has_mask === 1,
    hasPrediction: row.has_prediction === 1,
    uncertainty: row.uncertainty,
    ranking: row.rank === null ? null : { rank: row.rank, score: row.score ?? 0, reason: row.reason ?? '' },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}

const searchText = (name: string, notes: string): string => `${name}\n${notes}`.toLocaleLowerCase();

export interface NewCase {
  readonly name: string;
  readonly notes?: string;
  readonly patientKey?: string | null;
  readonly scanDate?: string | null;
  readonly heldOut?: boolean;
}

/** Adds an unlabelled case; its image follows by `addImage`. */
export function addCase(write: WriteHandle, { name, notes = '', patientKey = null, scanDate = null, heldOut = false }: NewCase): CaseId {
  const id = newId();
  const at = new Date().toISOString();
  write.transaction(() => {
    write.run(
      `INSERT INTO cases (id, name, status, notes, search, patient_key, scan_date, held_out, modality, size, spacing, has_mask, created_at, updated_at, updated_by)
       VALUES ($id, $name, 'unlabelled', $notes, $search, $patientKey, $scanDate, $heldOut, '', '[0,0,0]', '[0,0,0]', 0, $at, $at, $who)`,
      { id, name, notes, search: searchText(name, notes), patientKey, scanDate, heldOut: heldOut ? 1 : 0, at, who: write.author },
    );
    recordEvent(write, { kind: 'case-added', caseId: id, message: 'Case added.' });
  });
  return id;
}

/** Throws `not-found`. */
export function getCase(read: ReadHandle, id: CaseId): Case {
  const row = read.get<Row>(`SELECT ${columns} FROM cases WHERE id = $id`, { id });
  if (row === undefined) throw new StudioError('not-found', 'This case is not in the project.', { detail: id });
  return toCase(row);
}

export interface CaseFilter {
  /** Found in name or notes, without regard to case. */
  readonly text?: string;
  readonly statuses?: readonly CaseStatus[];
  readonly heldOut?: boolean;
  readonly patientKey?: string;
  readonly sort?: 'rank' | 'name' | 'status' | 'updatedAt' | 'uncertainty';
  readonly descending?: boolean;
  readonly offset?: number;
  /** 1..1000; 200. */
  readonly limit?: number;
}

/** What has no value comes last in either direction; without a rank, what is still to be done comes before what is done or left out. */
const orders = {
  rank: (way: Way) =>
    `rank IS NULL, rank ${way}, CASE status WHEN 'accepted' THEN 1 WHEN 'excluded' THEN 2 ELSE 0 END, name COLLATE NOCASE ${way}`,
  name: (way: Way) => `name COLLATE NOCASE ${way}`,
  status: (way: Way) => `status ${way}, name COLLATE NOCASE`,
  updatedAt: (way: Way) => `updated_at ${way}`,
  uncertainty: (way: Way) => `uncertainty IS NULL, uncertainty ${way}, name COLLATE NOCASE`,
} as const;
type Way = 'ASC' | 'DESC';

function condition(filter: CaseFilter): { where: string; parameters: Parameters } {
  const parts: string[] = [];
  const parameters: Record<string, string | number> = {};
  if (filter.text !== undefined && filter.text !== '') {
    parts.push('instr(search, $text) > 0');
    parameters['text'] = filter.text.toLocaleLowerCase();
  }
  if (filter.statuses !== undefined) {
    parts.push('status IN (SELECT value FROM json_each($statuses))');
    parameters['statuses'] = JSON.stringify(filter.statuses);
  }
  if (filter.heldOut !== undefined) {
    parts.push('held_out = $heldOut');
    parameters['heldOut'] = filter.heldOut ? 1 : 0;
  }
  if (filter.patientKey !== undefined) {
    parts.push('patient_key = $patientKey');
    parameters['patientKey'] = filter.patientKey;
  }
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, parameters };
}

/** A page of cases and how many there are in all. */
export function listCases(read: ReadHandle, filter: CaseFilter = {}): { readonly total: number; readonly cases: Case[] } {
  const { where, parameters } = condition(filter);
  const order = `${orders[filter.sort ?? 'name'](filter.descending === true ? 'DESC' : 'ASC')}, id`;
  const total = read.get<{ total: number }>(`SELECT count(*) AS total FROM cases ${where}`, parameters)?.total ?? 0;
  const rows = read.all<Row>(`SELECT ${columns} FROM cases ${where} ORDER BY ${order} LIMIT $limit OFFSET $offset`, {
    ...parameters,
    limit: Math.max(1, Math.min(1000, filter.limit ?? 200)),
    offset: filter.offset ?? 0,
  });
  return { total, cases: rows.map(toCase) };
}

/** All cases, by name. */
export function everyCase(read: ReadHandle): Case[] {
  const all: Case[] = [];
  for (;;) {
    const { cases } = listCases(read, { offset: all.length, limit: 1000 });
    all.push(...cases);
    if (cases.length < 1000) return all;
  }
}

export function countByStatus(read: ReadHandle): CaseCounts {
  const counts = Object.fromEntries(caseStatuses.map((status) => [status, 0])) as Record<CaseStatus, number>;
  for (const row of read.all<{ status: CaseStatus; total: number }>('SELECT status, count(*) AS total FROM cases GROUP BY status'))
    counts[row.status] = row.total;
  return counts;
}

function touch(write: WriteHandle, id: CaseId, assignments: string, parameters: Parameters): void {
  const changed = write.run(`UPDATE cases SET ${assignments}, updated_at = $at, updated_by = $who WHERE id = $id`, {
    ...parameters,
    id,
    at: new Date().toISOString(),
    who: write.author,
  });
  if (changed === 0) throw new StudioError('not-found', 'This case is not in the project.', { detail: id });
}

/** Throws `not-found`. Setting the status that it has changes nothing. */
export function setCaseStatus(write: WriteHandle, id: CaseId, status: CaseStatus): void {
  write.transaction(() => {
    const before = getCase(write, id).status;
    if (before === status) return;
    touch(write, id, 'status = $status', { status });
    recordEvent(write, {
      kind: 'status-changed',
      caseId: id,
      message: `Status: ${before} → ${status}.`,
      detail: { before, after: status },
    });
  });
}

/** Excluded cases are what they were before, as the trail has it. Throws `not-found`. */
export function includeCase(write: WriteHandle, id: CaseId): void {
  write.transaction(() => {
    const [last] = write.all<{ before: CaseStatus }>(
      `SELECT json_extract(detail, '$.before') AS before FROM event
       WHERE case_id = $id AND kind = 'status-changed' AND json_extract(detail, '$.after') = 'excluded' ORDER BY sequence DESC LIMIT 1`,
      { id },
    );
    const [predicted] = write.all('SELECT 1 FROM prediction WHERE case_id = $id LIMIT 1', { id });
    const before = last?.before ?? 'unlabelled';
    setCaseStatus(write, id, before === 'unlabelled' && predicted !== undefined ? 'predicted' : before);
  });
}

/** Name, notes, patient key, day of the scan or validation lock. Throws `not-found`. */
export function updateCase(write: WriteHandle, id: CaseId, changes: Partial<NewCase>): void {
  write.transaction(() => {
    const before = getCase(write, id);
    const { name = before.name, notes = before.notes, patientKey = before.patientKey, heldOut = before.heldOut } = changes;
    const { scanDate = before.scanDate } = changes;
    touch(
      write,
      id,
      'name = $name, notes = $notes, search = $search, patient_key = $patientKey, scan_date = $scanDate, held_out = $heldOut',
      {
        name,
        notes,
        search: searchText(name, notes),
        patientKey,
        scanDate,
        heldOut: heldOut ? 1 : 0,
      },
    );
    if (notes !== before.notes)
      recordEvent(write, { kind: 'notes-changed', caseId: id, message: 'Notes changed.', detail: { before: before.notes } });
    if (heldOut !== before.heldOut)
      recordEvent(write, {
        kind: 'validation-lock-changed',
        caseId: id,
        message: heldOut ? 'Locked for validation.' : 'Released for training.',
      });
  });
}

/** Replaces the proposed order of work: ranks follow the order of the list, all other cases have none. */
export function setRanking(write: WriteHandle, ranking: readonly ({ readonly caseId: CaseId } & Omit<CaseRanking, 'rank'>)[]): void {
  write.transaction(() => {
    write.run('UPDATE cases SET rank = NULL, score = NULL, reason = NULL WHERE rank IS NOT NULL');
    for (const [index, { caseId, score, reason }] of ranking.entries()) {
      write.run('UPDATE cases SET rank = $rank, score = $score, reason = $reason WHERE id = $caseId', {
        rank: index + 1,
        score,
        reason,
        caseId,
      });
    }
  });
}
