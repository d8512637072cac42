import type { Client } from '#shared/contract/client.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import type { ActivityContext } from './activities.svelte.ts';
import type { Project, Studio } from './studio.svelte.ts';

/** The labels of the open project, in its list and in the case that is open. */
export class ProjectLabels {
  readonly #client: Client;
  readonly #studio: Pick<Studio, 'activities' | 'session' | 'project'>;
  /** Changes of the list that the host has not answered yet. */
  #unanswered = 0;

  constructor(client: Client, studio: Pick<Studio, 'activities' | 'session' | 'project'>) {
    this.#client = client;
    this.#studio = studio;
  }

  /** Changes the list. It is seen at once: the next change begins with it, and what is locked is safe before the host has answered. */
  async set(labels: readonly Label[]): Promise<void> {
    const { session, activities } = this.#studio;
    session?.editing.setLabels(labels, session.editing.removedLabels);
    this.#unanswered++;
    const answer = await this.#client.projects.setLabels({ labels }).catch((error: unknown) => {
      activities.fail(error);
    });
    this.#unanswered--;
    const now = answer ?? (await this.#client.projects.current().catch(() => null))?.project;
    if (now !== undefined && now !== null) this.take(now);
  }

  /** Adds a label to be named, and draws with it; answers with its value. */
  async add(): Promise<number | undefined> {
    const answer = await this.#told(this.#client.projects.addLabel());
    if (answer !== undefined && this.#studio.session !== null) this.#studio.session.editing.activeLabel = answer.value;
    return answer?.value;
  }

  /** Takes a label out of the list. Throws `conflict` with the sentence for the person where masks hold it. */
  async remove(value: number, { signal, report }: ActivityContext): Promise<void> {
    await this.#studio.session?.journal.flush(); // the last stroke counts, too
    this.take(await this.#client.projects.removeLabel({ value }, { signal, onProgress: report }));
  }

  async restore(value: number): Promise<void> {
    await this.#told(this.#client.projects.restoreLabel({ value }));
  }

  /** Shows the labels as the host has them, unless a change is still on its way there. A prediction is read again, since it leaves removed labels out. */
  take({ labels, removedLabels }: Pick<Project, 'labels' | 'removedLabels'>): void {
    const { session, project, activities } = this.#studio;
    if (project !== null) this.#studio.project = { ...project, labels, removedLabels };
    if (session === null || this.#unanswered > 0) return;
    const values = (list: readonly Label[]): string => list.map(({ value }) => value).join();
    const wasRemoved = values(session.editing.removedLabels);
    session.editing.setLabels(labels, removedLabels);
    if (values(removedLabels) !== wasRemoved && session.prediction !== null)
      void session.loadPrediction().catch((error: unknown) => activities.fail(error));
  }

  /** Takes what the host answers with; a refusal becomes a message. */
  async #told<T extends Pick<Project, 'labels' | 'removedLabels'>>(change: Promise<T>): Promise<T | undefined> {
    try {
      const answer = await change;
      this.take(answer);
      return answer;
    } catch (error) {
      this.#studio.activities.fail(error);
      return undefined;
    }
  }
}
