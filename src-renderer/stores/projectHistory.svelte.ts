import type { Client } from '#shared/contract/client.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import type { Activities } from './activities.svelte.ts';

export type ProjectStep = Awaited<ReturnType<Client['history']['list']>>['steps'][number];
type Outcome = Awaited<ReturnType<Client['history']['edit']>>;

interface Parts {
  readonly client: Client;
  readonly activities: Activities;
  /** Does something to the masks of the project while no case is open here; undefined where the person stays in the case. */
  readonly aside: <T>(work: () => Promise<T>) => Promise<T | undefined>;
}

/** What was done to the project as a whole: shown, taken back, done again. */
export class ProjectHistory {
  readonly #parts: Parts;
  /** Oldest first. */
  steps = $state.raw<readonly ProjectStep[]>([]);
  /** The list is open. */
  shown = $state(false);
  /** The label that is to be turned into another, or erased, in all cases. */
  everywhere = $state.raw<Label | null>(null);
  busy = $state(false);

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.client.on('history.changed', () => {
      if (this.shown) void this.reload();
    });
  }

  get canUndo(): boolean {
    return this.steps.some(({ state }) => state === 'done');
  }

  get canRedo(): boolean {
    return this.steps.some(({ state }) => state === 'undone');
  }

  show(): void {
    this.shown = true;
    void this.reload();
  }

  async reload(): Promise<void> {
    try {
      this.steps = (await this.#parts.client.history.list()).steps;
    } catch (error) {
      this.#parts.activities.fail(error);
    }
  }

  undo(): Promise<void> {
    return this.#play('undo');
  }

  redo(): Promise<void> {
    return this.#play('redo');
  }

  /** Turns the label into another in the masks of all cases, or erases it; whether it was done. */
  async edit(from: Label, into: Label | null): Promise<boolean> {
    const title = into === null ? `Erasing ${from.name} everywhere` : `Turning ${from.name} into ${into.name} everywhere`;
    const outcome = await this.#run(() =>
      this.#parts.activities.run(title, ({ signal, report }) =>
        this.#parts.client.history.edit({ from: from.value, into: into?.value ?? null }, { signal, onProgress: report }),
      ),
    );
    if (outcome === undefined) return false;
    const { length } = outcome.changed;
    this.#tell(
      `${from.name} ${into === null ? 'erased' : `turned into ${into.name}`} in ${String(length)} ${length === 1 ? 'case' : 'cases'}.`,
      outcome,
    );
    return true;
  }

  async #play(way: 'undo' | 'redo'): Promise<void> {
    const title = way === 'undo' ? 'Taking a step of the project back' : 'Doing a step of the project again';
    const outcome = await this.#run(() =>
      this.#parts.activities.run(title, ({ signal, report }) => this.#parts.client.history[way]({}, { signal, onProgress: report })),
    );
    if (outcome !== undefined) this.#tell(`${way === 'undo' ? 'Taken back' : 'Done again'}: ${outcome.name}.`, outcome);
    await this.reload();
  }

  async #run<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
    if (this.busy) return undefined;
    this.busy = true;
    try {
      return await this.#parts.aside(work);
    } finally {
      this.busy = false;
    }
  }

  #tell(text: string, { kept }: Outcome): void {
    const named = kept.map(({ name, reason }) => `“${name}” stays as it is: ${reason}`);
    this.#parts.activities.say(
      [text, ...named.slice(0, 5), ...(named.length > 5 ? [`And ${String(named.length - 5)} more stay.`] : [])].join(' '),
      kept.length > 0 ? 'warning' : 'good',
    );
  }
}
