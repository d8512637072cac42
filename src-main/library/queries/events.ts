import type { AuditEvent, EventKind, NewEvent } from '#shared/domain/event.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';

interface Row {
  sequence: number;
  at: string;
  who: string;
  kind: string;
  case_id: string | null;
  model_id: string | null;
  weights_hash: string | null;
  message: string;
  detail: string | null;
}

/** Appends to the audit trail; call it in the transaction of the change that it tells of. */
export function recordEvent(write: WriteHandle, event: NewEvent): void {
  write.run(
    `INSERT INTO event (at, who, kind, case_id, model_id, weights_hash, message, detail)
     VALUES ($at, $who, $kind, $caseId, $modelId, $weightsHash, $message, $detail)`,
    {
      at: new Date().toISOString(),
      who: write.author,
      kind: event.kind,
      message: event.message,
      caseId: event.caseId ?? null,
      modelId: event.modelId ?? null,
      weightsHash: event.weightsHash ?? null,
      detail: event.detail === undefined ? null : JSON.stringify(event.detail),
    },
  );
}

export interface EventFilter {
  readonly caseId?: string;
  /** Only those before this sequence number: the next page. */
  readonly before?: number;
  /** 1..1000; 100. */
  readonly limit?: number;
}

/** Newest first. */
export function listEvents(read: ReadHandle, filter: EventFilter = {}): AuditEvent[] {
  const byCase = filter.caseId === undefined ? '' : 'AND case_id = $caseId';
  return read
    .all<Row>(`SELECT * FROM event WHERE sequence < $before ${byCase} ORDER BY sequence DESC LIMIT $limit`, {
      before: filter.before ?? Number.MAX_SAFE_INTEGER,
      limit: Math.min(1000, filter.limit ?? 100),
      ...(filter.caseId === undefined ? {} : { caseId: filter.caseId }),
    })
    .map((row) => ({
      sequence: row.sequence,
      at: row.at,
      who: row.who,
      kind: row.kind as EventKind,
      caseId: row.case_id,
      modelId: row.model_id,
      weightsHash: row.weights_hash,
      message: row.message,
      detail: row.detail === null ? null : (JSON.parse(row.detail) as unknown),
    }));
}
