import type { Client } from '#shared/contract/client.ts';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { DisposableStore } from '#shared/base/disposable.ts';
import { StudioError } from '#shared/base/errors.ts';
import { spacing, type LpsPoint, type Volume } from '#shared/geometry/grid.ts';
import { regionOf } from '#shared/domain/regions.ts';
import type { AcceptQuestion } from '#shared/domain/mask.ts';
import { decodeHistory, decodeMask, leakOf, type Operation } from '#shared/segmentation/index.ts';
import type { Surface } from '#shared/geometry/surfaceNets.ts';
import type { Shelf, Unsaved } from '../api/shelf.ts';
import type { Activities, ActivityContext } from './activities.svelte.ts';
import { readPrediction, type Ahead, type ReadPrediction } from './ahead.ts';
import { maskFor, middleOf, readImage, type ImageDescription, type Prediction, type WindowPreset } from './caseData.ts';
import { Editing, type EditingOptions } from './editing.svelte.ts';
import { CaseImages, firstWindow, type ImageValue } from './caseImages.svelte.ts';
import { FollowUp } from './followUp.svelte.ts';
import { ForNow } from './forNow.ts';
import { JournalSender } from './journalSender.svelte.ts';
import { leftStrokes, takeOver, type LeftStrokes } from './leftStrokes.ts';
import { MaskReview, type Review } from './maskReview.ts';
import { pointingHost } from './pointingHost.ts';
import { Prompting } from './prompting.svelte.ts';
import { ThroughSlices } from './throughSlices.svelte.ts';
import type { ViewerState } from './viewer.svelte.ts';
import { MaskWork } from '../work/work.ts';

interface SessionParts {
  readonly client: Client;
  readonly activities: Activities;
  readonly viewer: ViewerState;
  readonly caseId: string;
  readonly session: string;
  readonly description: ImageDescription;
  readonly editing: Editing;
  readonly journal: JournalSender;
  readonly work: MaskWork;
  /** What was read of the prediction before the case was opened. */
  readonly ahead: ReadPrediction | null;
}

/** One open case: image, mask under correction, prediction, and the worker that does what takes long. */
export class CaseSession {
  readonly #parts: SessionParts;
  readonly editing: Editing;
  readonly images: CaseImages;
  readonly prompting: Prompting;
  readonly slices: ThroughSlices;
  readonly review: MaskReview;
  readonly followUp: FollowUp;
  prediction = $state.raw<Prediction | null>(null);
  predictedLabels = $state.raw<Volume<Uint8Array> | null>(null);
  /** 0 … 255. */
  uncertainty = $state.raw<Volume<Uint8Array> | null>(null);
  /** Voxels by label value, shortly behind the mask. */
  counts = $state.raw<Readonly<Record<number, number>>>({});
  /** Surfaces by label value, shortly behind the mask. */
  surfaces = $state.raw<ReadonlyMap<number, Surface>>(new Map());
  /** 0 … 1 while they are being made. */
  surfacesProgress = $state<number | null>(null);
  /** Edits of a window before that were not saved and no longer fit: where they were. */
  strokes = $state.raw<LeftStrokes | null>(null);
  /** Stop of the uncertainty tour that was visited last. */
  region = $state(-1);
  /** A whole-mask tool is at work. */
  busy = $state(false);
  /** Another window has taken the case over: nothing can be saved from here any more. */
  ended = $state(false);
  #summaryTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #ahead: ReadPrediction | null;
  readonly #scope = new DisposableStore();
  readonly #ending = new AbortController();

  private constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#ahead = parts.ahead;
    this.editing = parts.editing;
    this.images = new CaseImages({
      ...parts,
      leading: { description: parts.description, volume: parts.editing.image },
      isBusy: () => parts.editing.stroking,
    });
    this.#scope.add({ dispose: () => this.images.end() });
    this.followUp = new FollowUp({ ...parts, images: this.images });
    this.review = new MaskReview(parts.editing, parts.work, parts.viewer);
    this.prompting = new Prompting(parts.editing, (error) => parts.activities.fail(error), pointingHost(parts.client));
    this.slices = new ThroughSlices({ ...parts, prompting: this.prompting });
    this.#scope.add(parts.work);
    this.#scope.add(this.prompting);
    this.#scope.add({ dispose: () => clearTimeout(this.#summaryTimer) });
    this.#scope.add({
      dispose: parts.editing.onChange((box, change) => {
        parts.work.changed(box);
        this.prompting.changed(box);
        this.review.seen.changed(box, change.labels);
        this.#scheduleSummaries();
      }),
    });
    this.#scheduleSummaries(0);
  }

  /** Opens image and mask; `frame` and `loadPrediction` come next. Where it fails or is cancelled, nothing stays open. */
  static async open(
    { client, activities, viewer, ahead }: Pick<SessionParts, 'client' | 'activities' | 'viewer'> & { readonly ahead: Ahead },
    shelf: Shelf,
    { path, ...project }: Pick<EditingOptions, 'labels' | 'removedLabels' | 'readOnly'> & { readonly path: string },
    caseId: string,
    context: ActivityContext,
  ): Promise<CaseSession> {
    const taken = new Set<string>();
    const scope = new DisposableStore();
    scope.add({ dispose: client.on('document.sessionEnded', ({ session }) => taken.add(session)) });
    // Never cancelled: a session that nobody hears of would stay open.
    const opening = client.document.open({ caseId });
    try {
      const reading = ahead
        .take(caseId, context)
        .then(async (early) => early ?? { ...(await readImage(client, caseId, context)), mask: null, prediction: null });
      const [{ description, volume, mask: early, prediction }, opened] = await Promise.all([reading, opening]);
      throwIfCancelled(context.signal);
      if (taken.has(opened.session)) throw new StudioError('conflict', 'This case was opened in another window at the same moment.');
      performance.mark('case-read');
      const mask = maskFor(early !== null && isSame(early.encoded, opened.mask) ? early.volume : decodeMask(opened.mask), volume);
      const { session, base } = opened;
      const journal = new JournalSender({ client, shelf, project: path, caseId, caseName: description.name, session, base });
      const editing = new Editing({
        image: volume,
        mask,
        ...project,
        history: decodeHistory(opened.history),
        sink: (record) => journal.add(record),
      });
      const work = new MaskWork(mask, volume, opened.mask);
      const made = new CaseSession({ client, activities, viewer, caseId, session, description, editing, journal, work, ahead: prediction });
      made.#scope.add({
        dispose: client.on('document.sessionEnded', (ended) => {
          if (ended.session === session) made.ended = true;
        }),
      });
      if (opened.recovered !== null) activities.say(opened.recovered.message, 'warning');
      return made;
    } catch (error) {
      const opened = await opening.catch(() => null);
      if (opened !== null) await client.document.close({ caseId, session: opened.session }).catch(() => undefined);
      throw error;
    } finally {
      scope.dispose();
    }
  }

  /** Names this window's right to edit the case. */
  get id(): string {
    return this.#parts.session;
  }

  /** Frames the case in the views, in its first window. */
  frame(): void {
    const { viewer, description, editing } = this.#parts;
    viewer.show(editing.image.grid);
    viewer.rescale = description;
    viewer.window = firstWindow(description);
  }

  get caseId(): string {
    return this.#parts.caseId;
  }

  get description(): ImageDescription {
    return this.#parts.description;
  }

  get journal(): JournalSender {
    return this.#parts.journal;
  }

  /** Of the image that is shown. */
  get windows(): readonly WindowPreset[] {
    return this.images.presets;
  }

  /** Stored value of the shown image for what a person knows (Hounsfield units for CT). */
  toStored(value: number): number {
    const { slope, intercept } = this.images.description;
    return (value - intercept) / (slope || 1);
  }

  async loadPrediction(signal?: AbortSignal): Promise<void> {
    const { client, caseId, work } = this.#parts;
    const early = this.#ahead;
    this.#ahead = null;
    const prediction = await client.predictions.get({ caseId });
    if (this.#closed) return;
    const ends = signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]);
    const isEarly = early !== null && JSON.stringify(early.prediction) === JSON.stringify(prediction);
    const read = prediction === null ? null : isEarly ? early : await readPrediction(client, prediction, ends);
    if (this.#closed) return;
    this.prediction = prediction;
    this.predictedLabels = read?.labels ?? null;
    this.uncertainty = read?.uncertainty ?? null;
    this.region = -1;
    work.setPrediction(this.predictedLabels);
    this.prompting.setPrediction(this.predictedLabels, prediction?.modelId);
  }

  async predict(context: ActivityContext): Promise<void> {
    const { client, caseId } = this.#parts;
    await client.predictions.run({ caseId }, { signal: context.signal, onProgress: context.report });
    await this.loadPrediction(context.signal);
  }

  /** Runs a whole-mask operation in the worker and records it as one step; with `preview`, or where a fill leaks, once the person agrees. */
  async operate(name: string, operation: Operation, context: ActivityContext, preview = false): Promise<void> {
    this.editing.requireSettled();
    if (this.busy) throw new ForNow('Another tool is still at work. Wait for it, or cancel it in the status bar.', () => this.busy);
    this.busy = true;
    try {
      const delta = await this.#parts.work.run(operation, this.editing.limits, context.report, context.signal);
      if (this.#closed) return;
      const fills = operation.kind === 'floodFill' || operation.kind === 'regionGrow';
      const leak = fills ? leakOf(delta, this.editing.mask.grid, operation.plane) : null;
      if (delta.changed > 0 && (preview || leak !== null)) {
        this.editing.propose(name, delta, leak);
        return;
      }
      const changed = this.editing.apply(name, delta);
      this.#parts.activities.say(changed ? `${name}: ${delta.changed.toLocaleString('en')} voxels changed.` : `${name} changed nothing.`);
    } finally {
      this.busy = false;
    }
  }

  /** Moves to the next (or previous) uncertain region. */
  tour(step: 1 | -1): void {
    const regions = this.prediction?.regions ?? [];
    if (regions.length === 0) {
      throw new StudioError('not-found', 'No uncertain regions here. Predict this case first; its regions come with the prediction.');
    }
    this.region = (Math.max(this.region, step === 1 ? -1 : 0) + step + regions.length) % regions.length;
    const region = regions[this.region];
    if (region !== undefined) this.#parts.viewer.jumpTo(region.centre as LpsPoint);
  }

  /** Makes the prediction the mask, as one step. */
  async takePrediction(context: ActivityContext): Promise<void> {
    if (this.predictedLabels === null) throw new StudioError('not-found', 'There is no prediction yet. Press Predict first.');
    await this.operate('Use the prediction', { kind: 'copyPrediction', replace: true }, context);
  }

  /** Shows where edits were that no longer fit; those that cannot be shown are left as a file alone. */
  showStrokes(of: Unsaved | undefined): void {
    if (of?.session === this.strokes?.of.session) return;
    try {
      this.strokes = of === undefined ? null : leftStrokes(of, this.editing.mask.grid);
    } catch (error) {
      this.strokes = null;
      this.#parts.activities.fail(error);
    }
  }

  /** Makes these edits again, as one step, where locked labels do not forbid it; resolves once it is on disk. */
  async takeStrokes(strokes: LeftStrokes): Promise<void> {
    takeOver(this.editing, strokes);
    await this.journal.flush();
  }

  /**
   * Marks the mask as the accepted segmentation, once all of it is on disk; as one that was looked at, where `review` says so and nothing
   * changed since. Resolves with what has to be decided first, where it is empty or lacks labels of the prediction and is not to be kept `asItIs`.
   */
  async accept(asItIs = false, review: Review | null = null): Promise<AcceptQuestion | null> {
    const { client, caseId, session, journal } = this.#parts;
    this.editing.requireSettled();
    this.prompting.requireSettled();
    await journal.flush();
    const lookedAt = review?.unseen === null && review.revision === this.editing.revision;
    const answer = await client.document.accept({ caseId, session, sequence: journal.sequence, asItIs, lookedAt });
    return answer.kind === 'asks' ? answer : null;
  }

  /** Makes the prediction the mask, as one step. Throws `conflict` where locked labels or limits kept it from becoming that. */
  async becomePrediction(context: ActivityContext): Promise<void> {
    await this.takePrediction(context);
    const { data } = this.editing.mask;
    if (this.predictedLabels?.data.every((value, at) => value === data[at]) !== true)
      throw new StudioError('conflict', 'Locked labels or limits kept parts of the mask as they were. Look at it, then accept it.');
  }

  /** Values of all images, label and uncertainty under a world point; null outside the image. */
  probe(index: readonly [number, number, number]): {
    readonly values: readonly ImageValue[];
    readonly label: number;
    readonly predicted: number | null;
    readonly uncertainty: number | null;
  } | null {
    const { size } = this.editing.image.grid;
    const [i, j, k] = [Math.round(index[0]), Math.round(index[1]), Math.round(index[2])];
    if (i < 0 || j < 0 || k < 0 || i >= size[0] || j >= size[1] || k >= size[2]) return null;
    const at = i + size[0] * (j + size[1] * k);
    return {
      values: this.images.valuesAt(at),
      label: this.editing.mask.data[at] ?? 0,
      predicted: this.predictedLabels?.data[at] ?? null,
      uncertainty: this.uncertainty === null ? null : (this.uncertainty.data[at] ?? 0) / 255,
    };
  }

  /** Of a label with all that lies inside it. */
  millilitres(label: number): number {
    const [si, sj, sk] = spacing(this.editing.mask.grid);
    const voxels = regionOf({ labels: this.editing.labels }, label).reduce((sum, value) => sum + (this.counts[value] ?? 0), 0);
    return (voxels * si * sj * sk) / 1000;
  }

  /** World point of the middle of a label, or of one inside it, to jump to; null where none is drawn. */
  middleOf(label: number): LpsPoint | null {
    for (const value of regionOf({ labels: this.editing.labels }, label)) {
      const middle = middleOf(this.editing.mask, value);
      if (middle !== null) return middle;
    }
    return null;
  }

  /** Another window has the case, and so many records of this one are on disk: ends what runs here. What is not saved lies on the shelf. */
  async abandon(saved = 0): Promise<void> {
    this.#release();
    const { journal } = this.#parts;
    journal.acknowledge(saved);
    journal.stop(new StudioError('conflict', 'This case was opened in another window.'));
    await journal.end();
  }

  /** What could not be saved by one more attempt lies on the shelf. The host puts the case away once `free` resolves. */
  async close(free: Promise<unknown> = Promise.resolve()): Promise<void> {
    if (this.#closed) return;
    this.editing.finishStroke();
    this.#release();
    const { client, caseId, session, journal } = this.#parts;
    await journal.flush().catch(() => undefined); // The journal knows, and the shelf has it.
    await journal.end();
    await free;
    await Promise.all([client.document.close({ caseId, session }), client.images.close({ caseId })]);
  }

  #release(): void {
    this.#closed = true;
    this.#ending.abort();
    this.#scope.dispose();
  }

  #scheduleSummaries(delay = 600): void {
    clearTimeout(this.#summaryTimer);
    this.#summaryTimer = setTimeout(() => void this.#summarise(), delay);
  }

  /** Volumes and surfaces of the labels, once the person pauses. */
  async #summarise(): Promise<void> {
    const { work, activities } = this.#parts;
    if (this.editing.stroking) {
      this.#scheduleSummaries();
      return;
    }
    try {
      this.counts = await work.counts();
      if (this.#closed) return;
      const labels = this.editing.labels.map(({ value }) => value).filter((value) => (this.counts[value] ?? 0) > 0);
      this.surfacesProgress = labels.length > 0 ? 0 : null;
      const made = await work.surfaces(labels, ({ fraction }) => {
        this.surfacesProgress = fraction;
      });
      this.surfaces = new Map(
        made.flatMap(([label, surface]) => {
          const shown = surface ?? this.surfaces.get(label);
          return shown === undefined ? [] : [[label, shown] as const];
        }),
      );
    } catch (error) {
      activities.fail(error);
    } finally {
      this.surfacesProgress = null;
    }
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => one.length === other.length && one.every((byte, at) => byte === other[at]);
