import type { Client } from '#shared/contract/client.ts';
import type { Activities } from './activities.svelte.ts';

export type ImportPlan = Awaited<ReturnType<Client['library']['planImport']>>;
export type Arrival = NonNullable<Awaited<ReturnType<Client['library']['watched']>>['arrived']>;

export interface ImportAnswers {
  readonly masksAre: 'accepted' | 'toCorrect';
  readonly labels: readonly { readonly key: string; readonly target: string | null }[];
  /** Labels (their keys) that have the voxels where several lie, from the front. */
  readonly overlapOrder?: readonly string[];
}

/** Which of several volumes are taken: one by its number, each as a case, all as the channels of one, or those that a description names so. */
export type VolumeChoice = number | 'each' | 'channels' | null;

/** What a person says of images that could be one case's. */
export interface Joining {
  readonly volume: VolumeChoice;
  /** Images of one case that lie on other voxels lie where their headers say. */
  readonly sameCoordinates: boolean;
  /** DICOM series of one study and frame of reference are one case. */
  readonly studies: boolean;
  /** Files that are numbered like nnU-Net's channels are images of one case; null: as the plan proposes. */
  readonly numbered: boolean | null;
}

const unsaid: Joining = { volume: null, sameCoordinates: false, studies: false, numbered: null };

/** What comes into the project: an import as it is planned and done, and what arrived in the watched folder. */
export class Incoming {
  readonly #client: Client;
  readonly #activities: Activities;
  readonly #imported: () => Promise<void>;
  /** What an import would do, shown until the person lets it be done or leaves it. */
  planned = $state.raw<{
    readonly sources: readonly string[];
    readonly plan: ImportPlan;
    readonly isArrival: boolean;
    readonly joining: Joining;
  } | null>(null);
  /** What the person has said last, also while the plan of it is being made. */
  #said: Joining = unsaid;
  #turn = 0;
  /** New files in the watched folder, until they are imported or dismissed. */
  arrived = $state.raw<Arrival | null>(null);

  constructor(client: Client, activities: Activities, imported: () => Promise<void>) {
    this.#client = client;
    this.#activities = activities;
    this.#imported = imported;
    client.on('library.arrived', ({ arrived }) => {
      this.arrived = arrived;
    });
  }

  /** Shows what an import of these files would do; it is done by `import`. */
  async plan(sources: readonly string[], isArrival = false, joining: Joining = unsaid): Promise<void> {
    this.#said = joining;
    const turn = ++this.#turn;
    const plan = await this.#activities.run('Looking into files', ({ signal, report }) =>
      this.#client.library.planImport({ sources, ...joining }, { signal, onProgress: report }),
    );
    if (turn !== this.#turn) return; // Something else was said meanwhile.
    if (plan !== undefined) this.planned = { sources, plan, isArrival, joining };
    else this.#said = this.planned?.joining ?? unsaid;
  }

  /** Shows the same import with other choices of what is one case. */
  async planJoined(joining: Partial<Joining>): Promise<void> {
    const { planned } = this;
    if (planned !== null) await this.plan(planned.sources, planned.isArrival, { ...this.#said, ...joining });
  }

  /** Does what was shown, with what the person said of labels and masks. */
  async import(answers: ImportAnswers): Promise<void> {
    if (this.planned === null) return;
    const { sources, plan, isArrival } = this.planned;
    this.planned = null;
    const { importMode } = await this.#client.settings.get();
    const result = await this.#activities.run('Importing', ({ signal, report }) =>
      this.#client.library.import({ sources, plan: plan.plan, mode: importMode, ...answers }, { signal, onProgress: report }),
    );
    if (result === undefined) return;
    if (isArrival) await this.dismissArrival();
    const parts = [`${result.added.length} ${result.added.length === 1 ? 'case' : 'cases'} added`];
    if (result.masks > 0) parts.push(`${result.masks} with a mask`);
    if (result.duplicates > 0) parts.push(`${result.duplicates} already there`);
    if (result.skipped.length > 0) parts.push(`${result.skipped.length} refused (see Problems)`);
    this.#activities.say(`${parts.join(', ')}.`, result.skipped.length > 0 ? 'warning' : 'good');
    await this.#imported();
  }

  /** Of a project that was opened just now. */
  async lookForArrival(): Promise<void> {
    this.arrived = await this.#client.library.watched().then(
      ({ arrived }) => arrived,
      () => null, // A notice is a courtesy.
    );
  }

  /** New files are not told of again. */
  async dismissArrival(): Promise<void> {
    try {
      await this.#client.library.arrivalSeen();
    } catch (error) {
      this.#activities.fail(error);
    }
  }
}
