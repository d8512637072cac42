import { StudioError } from '#shared/base/errors.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import {
  paint, SegmentationDocument, type Box, type Delta, type EditPolicy, type EditTarget, type History, type ShapeDescription, type Stroke,
} from '#shared/segmentation/index.ts';

export type Overwrite = 'all' | 'background';

export interface EditingOptions {
  readonly image: Volume;
  readonly mask: Volume<Uint8Array>;
  readonly labels: readonly Label[];
  readonly removedLabels?: readonly Label[];
  readonly history?: History;
  /** What the journal is told, in order. */
  readonly sink?: (record: Uint8Array) => void;
}

/** The mask that is being corrected: labels, strokes, undo. Runs on its own; saving listens through `sink`. */
export class Editing {
  readonly image: Volume;
  readonly mask: Volume<Uint8Array>;
  readonly #document: SegmentationDocument;
  labels = $state.raw<readonly Label[]>([]);
  /** Labels of the project that were removed; undo can still bring voxels of theirs back. */
  removedLabels = $state.raw<readonly Label[]>([]);
  /** The label whose removal the person is asked about. */
  removing = $state.raw<Label | null>(null);
  activeLabel = $state(1);
  hidden = $state.raw<ReadonlySet<number>>(new Set());
  overwrite = $state<Overwrite>('all');
  undoName = $state<string | null>(null);
  redoName = $state<string | null>(null);
  undoCount = $state(0);
  /** Grows with every finished change. */
  revision = $state(0);
  stroking = $state(false);

  constructor(options: EditingOptions) {
    this.image = options.image;
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
  onChange(listener: (box: Box) => void): () => void {
    return this.#document.subscribe(({ box }) => listener(box));
  }

  get policy(): EditPolicy {
    const locked = this.labels.filter((label) => label.locked).map((label) => label.value);
    return { overwrite: this.overwrite, locked };
  }

  /** Erasing replaces labels, so it takes only the locks into account. */
  target(erasing: boolean, threshold?: { readonly low: number; readonly high: number }): EditTarget {
    const policy = erasing ? { ...this.policy, overwrite: 'all' as const } : this.policy;
    return { volume: this.mask, policy, image: this.image, ...(threshold === undefined ? {} : { threshold }) };
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

  /** Throws `conflict` when the label to draw with is locked or not in the list. */
  refuseLocked(value: number): void {
    const label = this.label(value);
    if (label === undefined && value !== 0) throw new StudioError('conflict', 'There is no label to draw with. Add one to the list of labels.');
    if (label?.locked === true) throw new StudioError('conflict', `“${label.name}” is locked. Unlock it in the label list, or choose another label.`);
  }

  begin(name: string): BrushStroke {
    this.stroking = true;
    return new BrushStroke(this, this.#document.begin(name), () => {
      this.stroking = false;
      this.#refresh();
    });
  }

  /** One shape as one step. */
  paintOnce(name: string, shape: ShapeDescription, label: number): void {
    this.refuseLocked(label);
    this.push(name, paint(this.target(label === 0), shape, label));
  }

  push(name: string, delta: Delta): void {
    this.#document.push(name, delta);
    this.#refresh();
  }

  /** A delta that a worker made; throws `conflict` when the mask has changed under it. */
  apply(name: string, delta: Delta): boolean {
    const edit = this.#document.apply(name, delta);
    this.#refresh();
    return edit !== null;
  }

  /** The name of what was taken back, or null. */
  undo(): string | null {
    if (this.stroking) return null;
    const edit = this.#document.undo();
    this.#refresh();
    return edit?.name ?? null;
  }

  redo(): string | null {
    if (this.stroking) return null;
    const edit = this.#document.redo();
    this.#refresh();
    return edit?.name ?? null;
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

  dab(shape: ShapeDescription, label: number, threshold?: { readonly low: number; readonly high: number }): void {
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
