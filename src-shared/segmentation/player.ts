import { StudioError } from '../base/errors.ts';
import type { LabelVolume } from '../geometry/grid.ts';
import { mergeDeltas } from './compose.ts';
import { applyDelta, fits, revertDelta, type Delta } from './delta.ts';
import type { Edit, History } from './history.ts';
import type { DocumentRecord } from './records.ts';

/** Takes back what one call has played. Several are called in reverse order. */
export type RollBack = () => void;

/** Plays records onto a mask and its history. The window, the host and recovery all do it here, so that they cannot come apart. */
export class RecordPlayer {
  readonly volume: LabelVolume;
  readonly history: History;
  #stroke: readonly Edit[] = [];

  constructor(volume: LabelVolume, history: History) {
    this.volume = volume;
    this.history = history;
  }

  /** The dabs of the stroke that is still being drawn; they are in the mask, not in the history. */
  get stroke(): readonly Edit[] {
    return this.#stroke;
  }

  /** Plays all of the records or none. Throws `conflict` for one that does not fit the mask or the history, `corrupt`. */
  play(records: readonly DocumentRecord[]): RollBack {
    const steps: RollBack[] = [];
    const rollBack = (): void => {
      while (steps.length > 0) steps.pop()?.();
    };
    try {
      for (const record of records) this.#play(record, steps);
    } catch (error) {
      rollBack();
      throw error;
    }
    return rollBack;
  }

  /** Takes an edit or a dab that is in the mask already. */
  take(kind: 'edit' | 'partial', edit: Edit): void {
    if (kind === 'edit') this.history.push(edit);
    else this.#stroke = [...this.#stroke, edit];
  }

  /**
   * Makes one step of the open stroke, made at `at` (if left out, when its last dab was). Null where there is none or where its dabs
   * took each other back: then nothing is left of it.
   */
  finishStroke(at?: number): Edit | null {
    const last = this.#stroke.at(-1);
    if (last === undefined) return null;
    const delta = mergeDeltas(this.#stroke.map((dab) => dab.delta));
    this.#stroke = [];
    if (delta.changed === 0) return null;
    const edit: Edit = { name: last.name, at: at ?? last.at, delta };
    this.history.push(edit);
    return edit;
  }

  /** What `look` sees of the mask without the open stroke. */
  withoutStroke<T>(look: () => T): T {
    const put = this.#takeStrokeOut();
    try {
      return look();
    } finally {
      put();
    }
  }

  #play(record: DocumentRecord, steps: RollBack[]): void {
    if (record.kind === 'partial') {
      const before = this.#stroke;
      steps.push(this.#apply(record.edit.delta));
      this.#stroke = [...before, record.edit];
      steps.push(() => {
        this.#stroke = before;
      });
      return;
    }
    if (this.#stroke.length > 0) steps.push(this.#takeStrokeOut());
    if (record.kind === 'cancel') return;
    if (record.kind === 'edit') {
      steps.push(this.#apply(record.edit.delta));
      const undone = this.history.edits.slice(this.history.done);
      this.history.push(record.edit);
      steps.push(() => this.history.replaceLast(undone));
    } else steps.push(record.kind === 'undo' ? this.#undo() : this.#redo());
  }

  #apply(delta: Delta): RollBack {
    if (!fits(this.volume, delta))
      throw new StudioError('conflict', 'The mask has changed in the meantime. Try again, or open the case again.');
    applyDelta(this.volume, delta);
    return () => revertDelta(this.volume, delta);
  }

  #undo(): RollBack {
    const edit = this.history.undo();
    if (edit === null) throw new StudioError('conflict', 'There is nothing to undo.');
    revertDelta(this.volume, edit.delta);
    return () => {
      applyDelta(this.volume, edit.delta);
      this.history.redo();
    };
  }

  #redo(): RollBack {
    const edit = this.history.redo();
    if (edit === null) throw new StudioError('conflict', 'There is nothing to redo.');
    applyDelta(this.volume, edit.delta);
    return () => {
      revertDelta(this.volume, edit.delta);
      this.history.undo();
    };
  }

  #takeStrokeOut(): RollBack {
    const stroke = this.#stroke;
    for (const dab of stroke.toReversed()) revertDelta(this.volume, dab.delta);
    this.#stroke = [];
    return () => {
      for (const dab of stroke) applyDelta(this.volume, dab.delta);
      this.#stroke = stroke;
    };
  }
}
