import { StudioError } from '#shared/base/errors.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';

export type StepKind = 'labels' | 'cases' | 'edit' | 'images';
export type StepState = 'done' | 'undone' | 'preparing' | 'finishing';

/** Something that was done to the project as a whole. `detail` is what takes it back and does it again; its shape is the kind's. */
export interface ProjectStep {
  readonly id: number;
  readonly at: string;
  readonly who: string;
  readonly kind: StepKind;
  /** For the person. */
  readonly name: string;
  readonly state: StepState;
  readonly detail: unknown;
}

const kept = 500;

/** Adds a step after those that are done; what was undone before it cannot be done again. The oldest go beyond 500. */
export function addStep(write: WriteHandle, step: Pick<ProjectStep, 'kind' | 'name' | 'state' | 'detail'>): number {
  return write.transaction(() => {
    write.run("DELETE FROM project_step WHERE state = 'undone'");
    write.run('INSERT INTO project_step (at, who, kind, name, state, detail) VALUES ($at, $who, $kind, $name, $state, $detail)', {
      ...step,
      at: new Date().toISOString(),
      who: write.author,
      detail: JSON.stringify(step.detail),
    });
    const id = write.get<{ id: number }>('SELECT max(id) AS id FROM project_step')?.id ?? 0;
    write.run('DELETE FROM project_step WHERE id <= $last', { last: id - kept });
    return id;
  });
}

export function setStep(write: WriteHandle, id: number, change: { readonly state: StepState; readonly detail?: unknown }): void {
  write.run('UPDATE project_step SET state = $state, detail = coalesce($detail, detail) WHERE id = $id', {
    id,
    state: change.state,
    detail: change.detail === undefined ? null : JSON.stringify(change.detail),
  });
}

export function dropStep(write: WriteHandle, id: number): void {
  write.run('DELETE FROM project_step WHERE id = $id', { id });
}

/** Oldest first. */
export function listSteps(read: ReadHandle): ProjectStep[] {
  return read
    .all<Omit<ProjectStep, 'detail'> & { detail: string }>('SELECT * FROM project_step ORDER BY id')
    .map((row) => ({ ...row, detail: JSON.parse(row.detail) as unknown }));
}

/** Throws `not-found`. */
export function getStep(read: ReadHandle, id: number): ProjectStep {
  const found = listSteps(read).find((step) => step.id === id);
  if (found === undefined) throw new StudioError('not-found', 'This step is not in the history of the project any more.');
  return found;
}
