import type { Client } from '#shared/contract/client.ts';
import type { Activities } from './activities.svelte.ts';

type Request = Parameters<Client['exports']['run']>[0];
type Result = Awaited<ReturnType<Client['exports']['run']>>;

/** What is chosen in Export, whether one runs, and what came of the last: all of it stays while the person is elsewhere in the window. */
export class Exporting {
  format = $state('');
  which = $state<'accepted' | 'open'>('accepted');
  source = $state<'mask' | 'prediction'>('mask');
  destination = $state('');
  /** What the person has said; null: as the settings say. */
  deidentify = $state<boolean | null>(null);
  overwrite = $state(false);
  values = $state<'project' | 'source'>('project');
  regions = $state(false);
  running = $state(false);
  result = $state.raw<Result | null>(null);
  readonly #client: Client;
  readonly #activities: Activities;
  #project = '';

  constructor(client: Client, activities: Activities) {
    this.#client = client;
    this.#activities = activities;
  }

  /** Begins anew where another project is open than before. */
  enter(project: string): void {
    if (project === this.#project) return;
    this.#project = project;
    this.which = 'accepted';
    this.destination = '';
    this.deidentify = null;
    this.overwrite = this.regions = false;
    this.result = null;
  }

  /** Writes what is asked for, one export at a time. `ready`: what has to be on disk before. */
  async run(request: Request, ready: () => Promise<void>): Promise<void> {
    if (this.running) return;
    this.running = true;
    this.result = null;
    const project = this.#project;
    const answer = await this.#activities.run('Exporting', async ({ signal, report }) => {
      await ready();
      return this.#client.exports.run(request, { signal, onProgress: report });
    });
    this.running = false;
    if (answer === undefined) return;
    if (project === this.#project) this.result = answer;
    const [written, failed] = [answer.files.filter((file) => file.verified).length, answer.failures.length];
    this.#activities.say(
      `${written} of ${answer.files.length + failed} files written and verified.${failed === 0 ? '' : ' The result says what was not, and why.'}`,
      failed > 0 || written < answer.files.length ? 'warning' : 'good',
    );
  }
}
