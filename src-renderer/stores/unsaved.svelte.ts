import { StudioError } from '#shared/base/errors.ts';
import type { Client } from '#shared/contract/client.ts';
import type { Shelf, Unsaved } from '../api/shelf.ts';
import type { Activities } from './activities.svelte.ts';
import type { CaseSession } from './caseSession.svelte.ts';
import { changesIn, recordsInMessage } from './journalSender.svelte.ts';
import { decodeStrokes } from './strokes.ts';

export type { Unsaved };

/** What a window left behind, or a session of it. */
export interface Left extends Unsaved {
  /** It is another project's than the one that is open, and that one is there still. */
  readonly elsewhere: boolean;
}

/** Edits that are not on disk: what windows left behind, and whether the person leaves a case that has some. */
export class UnsavedWork {
  readonly shelf: Shelf;
  /** What windows before this one, or sessions of it, left unsaved. */
  left = $state.raw<readonly Left[]>([]);
  /** The person is asked whether to leave a case with unsaved edits; the answer is given here. */
  leaving = $state.raw<((leave: boolean) => void) | null>(null);
  readonly #client: Client;
  readonly #activities: Activities;
  readonly #project: () => string;
  readonly #changed: () => void;

  /** `project` is the folder of the open one, or empty; `changed` is called when `left` is another. */
  constructor(
    client: Client,
    shelf: Shelf,
    { activities, project, changed }: { readonly activities: Activities; readonly project: () => string; readonly changed: () => void },
  ) {
    this.#client = client;
    this.shelf = shelf;
    this.#activities = activities;
    this.#project = project;
    this.#changed = changed;
  }

  /** Looks at the shelf again. What a window has there that is still open, this one or another, it is still saving. */
  async look(): Promise<void> {
    const [all, held] = await this.#onShelf();
    this.#setLeft(all.filter(({ session }) => !held.has(session)));
  }

  /**
   * What fits goes to the host, to be called before the case is opened; the rest stays. What another window is still saving goes with it, without
   * a word: that window loses the case, nothing of it is lost. Throws what may pass, such as `disk-full`.
   */
  async resume(caseId: string): Promise<void> {
    const [all, held] = await this.#onShelf();
    const ofCase = all.filter((each) => each.caseId === caseId && !each.elsewhere);
    if (ofCase.length === 0) {
      this.#setLeft(all.filter(({ session }) => !held.has(session)));
      return;
    }
    for (const unsaved of ofCase) {
      const steps = changesIn(unsaved);
      const fits = await this.#handOver(unsaved);
      if (held.has(unsaved.session)) continue;
      if (fits) this.#activities.say(`${steps} that had not been saved came back.`, 'good');
      else this.#activities.say(`${steps} that had not been saved no longer fit this case: it was changed elsewhere since.`, 'warning');
    }
    await this.look();
  }

  /** So many records of a session are on disk, whichever window brought them there. */
  async saved(session: string, sequence: number): Promise<void> {
    await this.shelf.remove(session, sequence).catch(() => undefined);
    await this.look();
  }

  /** Takes a file of recovered strokes: they are offered like what a window left behind. Throws `invalid-file`. */
  async openStrokes(bytes: Uint8Array): Promise<void> {
    const unsaved = decodeStrokes(bytes);
    await this.shelf.put(unsaved);
    this.#setLeft([...this.left.filter(({ session }) => session !== unsaved.session), { ...unsaved, elsewhere: false }]);
  }

  async forget({ session }: Unsaved): Promise<void> {
    await this.shelf.remove(session, Infinity);
    this.#setLeft(this.left.filter((each) => each.session !== session));
  }

  /** Whether a case may be left: all of it is saved, or the person says so. Once another case is asked for, that question takes its place. */
  async mayLeave(session: CaseSession | null, superseded?: AbortSignal): Promise<boolean> {
    if (session === null) return true;
    session.editing.finishStroke();
    try {
      await session.journal.flush();
      return true;
    } catch {
      this.leaving?.(false);
      return new Promise<boolean>((resolve) => {
        const answer = (leave: boolean): void => {
          if (this.leaving === answer) this.leaving = null;
          resolve(leave);
        };
        this.leaving = answer;
        superseded?.addEventListener('abort', () => answer(false), { once: true });
      });
    }
  }

  #setLeft(left: readonly Left[]): void {
    this.left = left;
    this.#changed();
  }

  /** What is there, and which sessions windows have. A copy of a project has the same cases; one that was moved is where the other is no more. */
  async #onShelf(): Promise<readonly [readonly Left[], ReadonlySet<string>]> {
    const [all, held] = await Promise.all([
      this.shelf.list().catch((): readonly Unsaved[] => []),
      this.shelf.held().catch(() => new Set<string>()),
    ]);
    if (all.length === 0) return [[], held];
    const { projects } = await this.#client.projects.recent().catch(() => ({ projects: [] }));
    const here = this.#project();
    const others = new Set(projects.flatMap(({ path, exists }) => (exists && path !== here ? [path] : [])));
    return [all.map((each) => ({ ...each, elsewhere: here !== '' && others.has(each.project) })), held];
  }

  /** Exactly as the window that left it would have. False where it no longer fits. */
  async #handOver({ caseId, session, base, sequence, records }: Unsaved): Promise<boolean> {
    try {
      for (let at = 0; at < records.length; at += recordsInMessage) {
        const some = records.slice(at, at + recordsInMessage);
        await this.#client.document.resume({ caseId, session, base, sequence: sequence + at, records: some });
      }
    } catch (error) {
      if (error instanceof StudioError && (error.code === 'conflict' || error.code === 'corrupt')) return false;
      throw error;
    }
    await this.shelf.remove(session, Infinity);
    return true;
  }
}
