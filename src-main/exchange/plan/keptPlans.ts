import { StudioError } from '#shared/base/errors.ts';
import { newId, type Project } from '#main/library/index.ts';
import type { ImportPlan } from './importPlan.ts';

const mostKept = 4;

/** The latest plans that were shown, each for its project. */
export class KeptPlans {
  readonly #kept = new Map<string, { readonly project: Project; readonly plan: ImportPlan }>();

  keep(project: Project, plan: ImportPlan): string {
    const id = newId();
    this.#kept.set(id, { project, plan });
    for (const oldest of [...this.#kept.keys()].slice(0, -mostKept)) this.#kept.delete(oldest);
    return id;
  }

  /** Throws `conflict` where the plan is not kept any more, or was made for another project. */
  take(project: Project, id: string): ImportPlan {
    const found = this.#kept.get(id);
    if (found?.project !== project) throw new StudioError('conflict', 'This import was planned too long ago. Plan it again.');
    return found.plan;
  }
}
