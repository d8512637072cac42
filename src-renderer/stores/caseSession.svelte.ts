import presets from '../../resources/viewer/windowPresets.json' with { type: 'json' };
import type { Client } from '#shared/contract/client.ts';
import { StudioError } from '#shared/base/errors.ts';
import { applyAffine } from '#shared/geometry/affine.ts';
import { spacing, type LpsPoint, type Volume } from '#shared/geometry/grid.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { decodeHistory, decodeMask, type Operation } from '#shared/segmentation/index.ts';
import type { Activities, ActivityContext } from './activities.svelte.ts';
import { readImage, readPredictionLayer, type ImageDescription, type Prediction } from './caseData.ts';
import { Editing } from './editing.svelte.ts';
import { Journal } from './journal.svelte.ts';
import type { Scene } from './scene.svelte.ts';
import type { ViewerState } from './viewer.svelte.ts';
import { MaskWork } from './work.ts';

interface SessionParts {
  readonly client: Client;
  readonly activities: Activities;
  readonly scene: Scene;
  readonly viewer: ViewerState;
  readonly caseId: string;
  readonly session: string;
  readonly description: ImageDescription;
  readonly editing: Editing;
  readonly journal: Journal;
  readonly work: MaskWork;
}

type WindowPreset = ImageDescription['windows'][number];

/** Clinical presets for what looks like CT (air near -1000), whether or not the file says so; else what the host derived from the values. */
function windowsOf(description: ImageDescription): readonly WindowPreset[] {
  const low = description.range[0] * description.slope + description.intercept;
  const looksLikeCt = description.modality === 'CT' || (description.modality !== 'MR' && low <= -500 && low >= -3100);
  if (!looksLikeCt) return description.windows;
  const names = new Set(presets.CT.map(({ name }) => name));
  return [...presets.CT, ...description.windows.filter(({ name }) => !names.has(name))];
}

/** One open case: image, mask under correction, prediction, and the worker that does what takes long. */
export class CaseSession {
  readonly #parts: SessionParts;
  readonly editing: Editing;
  prediction = $state.raw<Prediction | null>(null);
  #predictionVolume = $state.raw<Volume<Uint8Array> | null>(null);
  #uncertaintyVolume: Volume<Uint8Array> | null = null;
  /** Voxels by label value, shortly behind the mask. */
  counts = $state.raw<Readonly<Record<number, number>>>({});
  /** Stop of the uncertainty tour that was visited last. */
  region = $state(-1);
  /** A whole-mask tool is at work. */
  busy = $state(false);
  #summaryTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(parts: SessionParts) {
    this.#parts = parts;
    this.editing = parts.editing;
    parts.editing.onChange((box) => {
      parts.scene.maskChanged(box);
      parts.work.changed(box);
      this.#scheduleSummaries();
    });
    this.#scheduleSummaries(0);
  }

  /** Opens image and mask, and shows them; `loadPrediction` comes next. */
  static async open(
    client: Client, activities: Activities, scene: Scene, viewer: ViewerState, { labels, removedLabels }: { readonly labels: readonly Label[]; readonly removedLabels: readonly Label[] }, caseId: string, context: ActivityContext,
  ): Promise<CaseSession> {
    const [{ description, volume }, opened] = await Promise.all([
      readImage(client, caseId, context), client.document.open({ caseId }, { signal: context.signal }),
    ]);
    performance.mark('case-read');
    const decoded = decodeMask(opened.mask);
    if (!(decoded.data instanceof Uint8Array)) throw new StudioError('unsupported', 'This mask holds more than 255 labels. Split its labels into two projects.');
    const mask = decoded as Volume<Uint8Array>;
    if (mask.data.length !== volume.data.length) throw new StudioError('corrupt', 'The mask and the image of this case differ in size. Import the case again.');
    const journal = new Journal(client, caseId, opened.session, (error) => activities.fail(error));
    const editing = new Editing({
      image: volume, mask, labels, removedLabels, history: decodeHistory(opened.history), sink: (record) => journal.add(record),
    });
    viewer.show(volume.grid);
    const first = windowsOf(description)[0];
    const toStored = (value: number): number => (value - description.intercept) / (description.slope || 1);
    if (first !== undefined) viewer.setWindowRange(toStored(first.low), toStored(first.high));
    else viewer.setWindowRange(description.range[0], description.range[1]);
    scene.setCase(volume, mask, labels);
    const drawn = scene.context.onFrame(() => {
      drawn();
      performance.measure('first-slice', 'case-read');
    });
    const session = new CaseSession({
      client, activities, scene, viewer, caseId, session: opened.session, description, editing, journal, work: new MaskWork(mask, volume, opened.mask),
    });
    if (opened.recovered !== null) activities.say(opened.recovered.message, 'warning');
    return session;
  }

  get caseId(): string {
    return this.#parts.caseId;
  }

  get description(): ImageDescription {
    return this.#parts.description;
  }

  get journal(): Journal {
    return this.#parts.journal;
  }

  get windows(): readonly WindowPreset[] {
    return windowsOf(this.#parts.description);
  }

  /** Stored value as a person knows it (Hounsfield units for CT), and back. */
  toPerson(stored: number): number {
    return stored * this.description.slope + this.description.intercept;
  }

  toStored(value: number): number {
    return (value - this.description.intercept) / (this.description.slope || 1);
  }

  async loadPrediction(signal?: AbortSignal): Promise<void> {
    const { client, caseId, scene, work } = this.#parts;
    const prediction = await client.predictions.get({ caseId });
    if (this.#closed) return;
    const options = signal === undefined ? {} : { signal };
    const labels = prediction === null ? null : await readPredictionLayer(client, prediction, 'labels', options);
    const uncertainty = prediction?.hasUncertaintyMap === true ? await readPredictionLayer(client, prediction, 'uncertainty', options) : null;
    if (this.#closed) return;
    this.prediction = prediction;
    this.#predictionVolume = labels;
    this.#uncertaintyVolume = uncertainty;
    this.region = -1;
    scene.setPrediction(labels, uncertainty);
    work.setPrediction(labels);
  }

  async predict(context: ActivityContext): Promise<void> {
    const { client, caseId } = this.#parts;
    await client.predictions.run({ caseId }, { signal: context.signal, onProgress: context.report });
    await this.loadPrediction(context.signal);
  }

  /** Runs a whole-mask operation in the worker and records it as one step. */
  async operate(name: string, operation: Operation, context: ActivityContext): Promise<void> {
    if (this.busy) throw new StudioError('conflict', 'Another tool is still at work. Wait for it, or cancel it in the status bar.');
    this.busy = true;
    try {
      const delta = await this.#parts.work.run(operation, this.editing.policy, context.report, context.signal);
      if (this.#closed) return;
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
    if (this.#predictionVolume === null) throw new StudioError('not-found', 'There is no prediction yet. Press Predict first.');
    await this.operate('Take the prediction', { kind: 'copyPrediction', replace: true }, context);
  }

  /** Marks the mask as the accepted segmentation, once all of it is on disk. */
  async accept(): Promise<void> {
    const { client, caseId, session, journal } = this.#parts;
    await journal.flush();
    await client.document.accept({ caseId, session, sequence: journal.sequence });
  }

  /** Value, label and uncertainty under a world point; null outside the image. */
  probe(index: readonly [number, number, number]): { readonly value: number; readonly label: number; readonly predicted: number | null; readonly uncertainty: number | null } | null {
    const { size } = this.editing.image.grid;
    const [i, j, k] = [Math.round(index[0]), Math.round(index[1]), Math.round(index[2])];
    if (i < 0 || j < 0 || k < 0 || i >= size[0] || j >= size[1] || k >= size[2]) return null;
    const at = i + size[0] * (j + size[1] * k);
    return {
      value: this.toPerson(this.editing.image.data[at] ?? 0),
      label: this.editing.mask.data[at] ?? 0,
      predicted: this.#predictionVolume?.data[at] ?? null,
      uncertainty: this.#uncertaintyVolume === null ? null : (this.#uncertaintyVolume.data[at] ?? 0) / 255,
    };
  }

  millilitres(label: number): number {
    const [si, sj, sk] = spacing(this.editing.mask.grid);
    return ((this.counts[label] ?? 0) * si * sj * sk) / 1000;
  }

  /** World point of the middle of a label, to jump to. */
  middleOf(label: number): LpsPoint | null {
    const { grid, data } = this.editing.mask;
    const [ni, nj, nk] = grid.size;
    const first = data.indexOf(label);
    if (first < 0) return null;
    const last = data.lastIndexOf(label);
    const k = Math.floor((Math.floor(first / (ni * nj)) + Math.floor(last / (ni * nj))) / 2);
    const slice = data.subarray(k * ni * nj, (k + 1) * ni * nj);
    const at = slice.indexOf(label) < 0 ? first % (ni * nj) : slice.indexOf(label);
    return k < nk ? applyAffine(grid.affine, [at % ni, Math.floor(at / ni), k]) : null;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#summaryTimer);
    const { client, caseId, session, journal, work, scene } = this.#parts;
    work.dispose();
    scene.clear();
    await journal.flush();
    await Promise.all([client.document.close({ caseId, session }), client.images.close({ caseId })]);
  }

  #scheduleSummaries(delay = 600): void {
    clearTimeout(this.#summaryTimer);
    this.#summaryTimer = setTimeout(() => void this.#summarise(), delay);
  }

  /** Volumes and surfaces of the labels, once the person pauses. */
  async #summarise(): Promise<void> {
    const { scene, work, activities } = this.#parts;
    if (this.editing.stroking) {
      this.#scheduleSummaries();
      return;
    }
    try {
      this.counts = await work.counts();
      const labels = this.editing.labels.map(({ value }) => value).filter((value) => (this.counts[value] ?? 0) > 0);
      scene.surfacesProgress = labels.length > 0 ? 0 : null;
      const surfaces = await work.surfaces(labels, ({ fraction }) => { scene.surfacesProgress = fraction; });
      await scene.updateSurfaces(surfaces, () => this.editing.stroking, () => this.#closed);
    } catch (error) {
      activities.fail(error);
    } finally {
      scene.surfacesProgress = null;
    }
  }
}
