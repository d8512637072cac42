import { StudioError } from '#shared/base/errors.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { lpsToIjk } from '#shared/geometry/affine.ts';
import type { LpsPoint, Volume } from '#shared/geometry/grid.ts';
import {
  applyDelta,
  erasingPolicy,
  fits,
  labelsIn,
  paint,
  policyOf,
  revertDelta,
  SegmentationDocument,
  type Box,
  type Delta,
  type DocumentChange,
  type EditPolicy,
  type EditTarget,
  type History,
  type ShapeDescription,
  type Stroke,
} from '#shared/segmentation/index.ts';
import { ForNow } from './forNow.ts';

export type Overwrite = 'all' | 'background';

export interface EditingOptions {
  readonly image: Volume;
  readonly mask: Volume<Uint8Array>;
  readonly labels: readonly Label[];
  readonly removedLabels?: readonly Label[];
  readonly history?: History;
  /** Why nothing may be changed, in a sentence; null where it may. */
  readonly readOnly?: string | null;
  /** What the journal is told, in order. */
  readonly sink?: (record: Uint8Array) => void;
}

/** Stored intensities, both ends included. */
export interface IntensityRange {
  readonly low: number;
  readonly high: number;
}

/** What a tool would change, shown in the mask but not yet part of it. */
export interface Proposal {
  readonly name: string;
  readonly delta: Delta;
  /** Why the person is asked, where they did not ask to see it first. */
  readonly warning: string | null;
}

/** Hears of a box of the mask that changed, and of which labels. */
export type MaskListener = (box: Box, change: Pick<DocumentChange, 'labels'>) => void;

/** The mask that is being corrected: labels, strokes, undo. Runs on its own; saving listens through `sink`. */
export class Editing {
  readonly image: Volume;
  readonly mask: Volume<Uint8Array>;
  readonly #document: SegmentationDocument;
  #stroke: BrushStroke | null = null;
  labels = $state.raw<readonly Label[]>([]);
  /** Labels of the project that were removed; undo can still bring voxels of theirs back. */
  removedLabels = $state.raw<readonly Label[]>([]);
  /** The label whose removal the person is asked about. */
  removing = $state.raw<Label | null>(null);
  activeLabel = $state(1);
  hidden = $state.raw<ReadonlySet<number>>(new Set());
  overwrite = $state<Overwrite>('all');
  /** Every tool changes only voxels whose intensity lies in it; null for all. */
  range = $state.raw<IntensityRange | null>(null);
  undoName = $state<string | null>(null);
  redoName = $state<string | null>(null);
  undoCount = $state(0);
  /** Grows with every finished change. */
  revision = $state(0);
  stroking = $state(false);
  /** Waits for the person's yes or no; nothing else changes the mask meanwhile. */
  proposal = $state.raw<Proposal | null>(null);
  readonly #listeners = new Set<MaskListener>();
  readonly #readOnly: string | null;

  constructor(options: EditingOptions) {
    this.image = options.image;
    this.#readOnly = options.readOnly ?? null;
    this.mask = options.mask;
    this.labels = options.labels;
    this.removedLabels = options.removedLabels ?? [];
    this.activeLabel = options.labels[0]?.value ?? 1;
    this.#document = new SegmentationDocument(options.mask, {
      ...(options.history === undefined ? {} : { history: options.history }),
      ...(options.sink === undefined ? {} : { sink: options.sink }),
    });
    this.#refresh();
  }

  /** Calls `listener` with every touched box. */
  onChange(listener: MaskListener): () => void {
    const stop = this.#document.subscribe((change) => listener(change.box, change));
    this.#listeners.add(listener);
    return () => {
      stop();
      this.#listeners.delete(listener);
    };
  }

  get policy(): EditPolicy {
    return policyOf({ labels: this.labels }, this.overwrite);
  }

  /** Erasing replaces labels, so it takes only the locks into account; where the active label lies inside another, that label alone goes, and the other stays whole. */
  target(erasing: boolean, threshold?: IntensityRange): EditTarget {
    const policy = erasing ? { ...erasingPolicy(this.policy, this.activeLabel), overwrite: 'all' as const } : this.policy;
    const limits = [threshold, this.range].filter((limit) => limit !== undefined && limit !== null);
    const within = { low: Math.max(...limits.map(({ low }) => low)), high: Math.min(...limits.map(({ high }) => high)) };
    return { volume: this.mask, policy, image: this.image, ...(limits.length === 0 ? {} : { threshold: within }) };
  }

  /** What an operation on the whole mask may change. */
  get limits(): Pick<EditTarget, 'policy' | 'threshold'> {
    return { policy: this.policy, ...(this.range === null ? {} : { threshold: this.range }) };
  }

  label(value: number): Label | undefined {
    return this.labels.find((label) => label.value === value);
  }

  /** Takes over the project's labels; the active one stays active as long as it is there. */
  setLabels(labels: readonly Label[], removedLabels: readonly Label[]): void {
    this.labels = labels;
    this.removedLabels = removedLabels;
    if (this.label(this.activeLabel) === undefined) this.activeLabel = labels[0]?.value ?? 1;
  }

  /** The value of the voxel nearest to a point; 0 outside. */
  labelAt(point: LpsPoint): number {
    const { size } = this.mask.grid;
    const [i, j, k] = lpsToIjk(this.mask.grid, point).map(Math.round) as [number, number, number];
    const inside = i >= 0 && j >= 0 && k >= 0 && i < size[0] && j < size[1] && k < size[2];
    return inside ? (this.mask.data[i + size[0] * (j + size[1] * k)] ?? 0) : 0;
  }

  /** Shows the label that is about to be drawn with. Throws `conflict` when it is locked or not in the list, or a proposal waits. */
  readyToDraw(value: number): void {
    this.#requireReady();
    const label = this.label(value);
    if (label === undefined && value !== 0)
      throw new StudioError('conflict', 'There is no label to draw with. Add one to the list of labels.');
    if (label?.locked === true)
      throw new StudioError('conflict', `“${label.name}” is locked. Unlock it in the label list, or choose another label.`);
    if (this.hidden.has(value)) this.toggleHidden(value);
  }

  /** Shows what `delta` would change; `settle` makes it so or takes it back. Throws `conflict` when the mask has changed under it. */
  propose(name: string, delta: Delta, warning: string | null): void {
    this.#requireReady();
    if (!fits(this.mask, delta)) throw new StudioError('conflict', 'The mask has changed in the meantime; run the tool again.');
    applyDelta(this.mask, delta);
    this.proposal = { name, delta, warning };
    this.#announce(delta);
  }

  /** Ends a proposal: kept as one step, or as if it had not been. */
  settle(keep: boolean): void {
    const { proposal } = this;
    if (proposal === null) return;
    this.proposal = null;
    revertDelta(this.mask, proposal.delta);
    if (keep) this.apply(proposal.name, proposal.delta);
    else this.#announce(proposal.delta);
  }

  begin(name: string): BrushStroke {
    this.#requireReady();
    this.stroking = true;
    const stroke = new BrushStroke(this, this.#document.begin(name), () => {
      this.stroking = false;
      this.#stroke = null;
      this.#refresh();
    });
    this.#stroke = stroke;
    return stroke;
  }

  /** What is drawn so far becomes a step. */
  finishStroke(): void {
    this.#stroke?.commit();
  }

  /** One shape as one step. */
  paintOnce(name: string, shape: ShapeDescription, label: number): void {
    this.readyToDraw(label);
    this.push(name, paint(this.target(label === 0), shape, label));
  }

  push(name: string, delta: Delta): void {
    this.#requireWritable();
    this.#document.push(name, delta);
    this.#refresh();
  }

  /** A delta that a worker made; throws `conflict` when the mask has changed under it. */
  apply(name: string, delta: Delta): boolean {
    this.#requireReady();
    const edit = this.#document.apply(name, delta);
    this.#refresh();
    return edit !== null;
  }

  /** The name of what was taken back, or null. */
  undo(): string | null {
    this.#requireReady();
    if (this.stroking) return null;
    const edit = this.#document.undo();
    this.#refresh();
    return edit?.name ?? null;
  }

  redo(): string | null {
    this.#requireReady();
    if (this.stroking) return null;
    const edit = this.#document.redo();
    this.#refresh();
    return edit?.name ?? null;
  }

  /** Takes steps back, or makes them again, until so many are in force. */
  goTo(steps: number): void {
    while (this.undoCount > steps && this.undo() !== null);
    while (this.undoCount < steps && this.redo() !== null);
  }

  /** Names of all steps, oldest first, and how many of them are in force. */
  history(): { readonly names: readonly string[]; readonly done: number } {
    const { edits, done } = this.#document.history;
    return { names: edits.map((edit) => edit.name), done };
  }

  toggleHidden(value: number): void {
    const next = new Set(this.hidden);
    if (!next.delete(value)) next.add(value);
    this.hidden = next;
  }

  /** Makes the label after or before the active one the active one; the list goes round. */
  stepLabel(step: 1 | -1): void {
    const at = this.labels.findIndex(({ value }) => value === this.activeLabel);
    const next = this.labels[(at + step + this.labels.length) % this.labels.length];
    if (next !== undefined) this.activeLabel = next.value;
  }

  /** Makes the label at a point the active one; background and removed labels change nothing. */
  pick(point: LpsPoint): void {
    const found = this.label(this.labelAt(point));
    if (found !== undefined) this.activeLabel = found.value;
  }

  /** Hides every label but the active one; shows all where that is so already. */
  toggleSolo(): void {
    const others = this.labels.map(({ value }) => value).filter((value) => value !== this.activeLabel);
    const isSolo = !this.hidden.has(this.activeLabel) && others.every((value) => this.hidden.has(value));
    this.hidden = new Set(isSolo ? [] : others);
  }

  #requireWritable(): void {
    if (this.#readOnly !== null) throw new StudioError('conflict', this.#readOnly);
  }

  /** Throws `conflict` while a proposal waits. */
  requireSettled(): void {
    const { proposal } = this;
    if (proposal !== null) throw new ForNow(`Apply or cancel “${proposal.name}” first.`, () => this.proposal === proposal);
  }

  #requireReady(): void {
    this.#requireWritable();
    this.requireSettled();
  }

  #announce(delta: Delta): void {
    const { box } = delta;
    if (box !== null) for (const listener of this.#listeners) listener(box, { labels: labelsIn(delta) });
  }

  #refresh(): void {
    const { history } = this.#document;
    this.undoName = history.undoName;
    this.redoName = history.redoName;
    this.undoCount = history.done;
    this.revision++;
  }
}

/** Dabs between pointer down and up; one step of undo. */
export class BrushStroke {
  readonly #editing: Editing;
  readonly #stroke: Stroke;
  readonly #ended: () => void;

  constructor(editing: Editing, stroke: Stroke, ended: () => void) {
    this.#editing = editing;
    this.#stroke = stroke;
    this.#ended = ended;
  }

  dab(shape: ShapeDescription, label: number, threshold?: IntensityRange): void {
    this.#stroke.add(paint(this.#editing.target(label === 0, threshold), shape, label));
  }

  commit(): void {
    this.#stroke.commit();
    this.#ended();
  }

  cancel(): void {
    this.#stroke.cancel();
    this.#ended();
  }
}
