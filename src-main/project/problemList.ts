import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { problem } from '#shared/contract/problems.ts';
import { JsonStore } from '#main/files/jsonStore.ts';

export type Problem = v.InferOutput<typeof problem>;
const kept = 5000;

/** Warnings and refused files of a project, newest first, in a file beside its library. The oldest go beyond 5,000. */
export class ProblemList {
  readonly #store: JsonStore<v.ArraySchema<typeof problem, undefined>>;
  readonly #changed: () => void;
  readonly #keeps: boolean;

  /** Nothing is added where nothing may be `kept`. */
  constructor(projectFolder: string, changed: () => void, { keeps = true } = {}) {
    this.#keeps = keeps;
    // A project that has gone is not begun again in its old place.
    this.#store = new JsonStore(join(projectFolder, 'problems.json'), v.array(problem), [], { makesFolder: false });
    this.#changed = changed;
  }

  get all(): readonly Problem[] {
    return this.#store.value;
  }

  /** One write for all of them. */
  async add(problems: readonly Pick<Problem, 'severity' | 'subject' | 'message' | 'caseId'>[]): Promise<void> {
    if (problems.length === 0 || !this.#keeps) return;
    const at = new Date().toISOString();
    const fresh = problems.map((each) => ({
      severity: each.severity,
      caseId: each.caseId,
      id: randomUUID(),
      at,
      subject: each.subject.slice(0, 4096),
      message: each.message.slice(0, 4000),
    }));
    await this.#store.set([...fresh.toReversed(), ...this.#store.value].slice(0, kept));
    this.#changed();
  }

  /** Unless the very same is listed. */
  async addOnce(problem: Parameters<ProblemList['add']>[0][number]): Promise<void> {
    if (!this.all.some(({ caseId, message }) => caseId === problem.caseId && message === problem.message)) await this.add([problem]);
  }

  /** Takes off the list whatever `concerns` says yes to. */
  async forget(concerns: (problem: Problem) => boolean): Promise<void> {
    const left = this.#store.value.filter((each) => !concerns(each));
    if (left.length === this.#store.value.length) return;
    await this.#store.set(left);
    this.#changed();
  }

  async dismiss(id: string | undefined): Promise<void> {
    await this.#store.set(id === undefined ? [] : this.#store.value.filter((each) => each.id !== id));
    this.#changed();
  }
}
