import type { WireError } from '#shared/base/errors.ts';
import type { Job, JobKind, JobPriority, JobState } from '#shared/domain/job.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';

interface Row {
  id: string;
  kind: JobKind;
  state: JobState;
  priority: JobPriority;
  title: string;
  phase: string;
  fraction: number;
  remaining_seconds: number | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  error: string | null;
  attempt: number;
  can_resume: number;
  model_id: string | null;
}

function toJob(row: Row): Job {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    priority: row.priority,
    title: row.title,
    phase: row.phase,
    fraction: row.fraction,
    remainingSeconds: row.remaining_seconds,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    error: row.error === null ? null : (JSON.parse(row.error) as WireError),
    attempt: row.attempt,
    canResume: row.can_resume === 1,
    modelId: row.model_id,
  };
}

/** Inserts or replaces; durable when it returns. */
export function saveJob(write: WriteHandle, job: Job): void {
  write.run(
    `INSERT INTO job (id, kind, state, priority, title, phase, fraction, remaining_seconds, created_at, started_at, ended_at, error, attempt, can_resume, model_id)
     VALUES ($id, $kind, $state, $priority, $title, $phase, $fraction, $remainingSeconds, $createdAt, $startedAt, $endedAt, $error, $attempt, $canResume, $modelId)
     ON CONFLICT DO UPDATE SET state = excluded.state, priority = excluded.priority, title = excluded.title, phase = excluded.phase, fraction = excluded.fraction,
       remaining_seconds = excluded.remaining_seconds, started_at = excluded.started_at, ended_at = excluded.ended_at, error = excluded.error,
       attempt = excluded.attempt, can_resume = excluded.can_resume, model_id = excluded.model_id`,
    { ...job, error: job.error === null ? null : JSON.stringify(job.error), canResume: job.canResume ? 1 : 0 },
  );
}

export function getJob(read: ReadHandle, id: string): Job | undefined {
  const row = read.get<Row>('SELECT * FROM job WHERE id = $id', { id });
  return row === undefined ? undefined : toJob(row);
}

/** Newest first. */
export function listJobs(read: ReadHandle, limit: number): Job[] {
  return read.all<Row>('SELECT * FROM job ORDER BY created_at DESC, id DESC LIMIT $limit', { limit }).map(toJob);
}

/** Queued and running ones, oldest first. */
export function unfinishedJobs(read: ReadHandle): Job[] {
  return read.all<Row>("SELECT * FROM job WHERE state IN ('queued', 'running') ORDER BY created_at, id").map(toJob);
}
