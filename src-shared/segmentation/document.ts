import { StudioError } from '../base/errors.ts';
import type { LabelVolume } from '../geometry/grid.ts';
import { unionBox, type Box } from './box.ts';
import { invertDelta, mergeDeltas } from './compose.ts';
import { applyDelta, fits, revertDelta, type Delta } from './delta.ts';
import { History, type Edit } from './history.ts';
import { decodeMask } from './maskCodec.ts';
import { decodeHistory, encodeRecord, type DocumentRecord } from './records.ts';

export interface DocumentChange {
  readonly box: Box;
  /** What changed: the voxels of an edit, or of one dab of a stroke. Worked out when it is asked for. */
  readonly delta: Delta;
}

export interface DocumentOptions {
  readonly history?: History;
  /** Gets every change in order as an encoded record: what a journal writes down. */
  readonly sink?: (record: Uint8Array) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * A mask with its undo history. Operations edit `volume` in place and hand back a delta, which is then given to `stroke.add` or
 * `push`; deltas that were made elsewhere (a worker, the main process) go through `apply`.
 */
export class SegmentationDocument {
  readonly volume: LabelVolume;
  readonly history: History;
  readonly #sink: (record: DocumentRecord) => void;
  readonly #now: () => number;
  readonly #listeners = new Set<(change: DocumentChange) => void>();
  #stroke: Stroke | null = null;

  constructor(volume: LabelVolume, options: DocumentOptions = {}) {
    this.volume = volume;
    this.history = options.history ?? new History();
    const { sink } = options;
    this.#sink = sink === undefined ? () => undefined : (record) => sink(encodeRecord(record));
    this.#now = options.now ?? Date.now;
  }

  /** A document from an encoded mask (encodeMask) and history (encodeHistory). Throws `corrupt`. */
  static restore(mask: Uint8Array, history: Uint8Array, options: Omit<DocumentOptions, 'history'> = {}): SegmentationDocument {
    return new SegmentationDocument(decodeMask(mask), { ...options, history: decodeHistory(history) });
  }

  /** Calls `listener` with every touched box; the result unsubscribes. */
  subscribe(listener: (change: DocumentChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Opens a stroke: its dabs become one step of the history. Throws `conflict` while another stroke is open. */
  begin(name: string): Stroke {
    this.#refuseOpenStroke();
    const stroke = new Stroke(name, {
      added: (delta) => {
        this.#sink({ kind: 'partial', edit: { name, at: this.#now(), delta } });
        this.#announce(delta);
      },
      committed: (delta) => {
        this.#stroke = null;
        return this.#record(name, delta);
      },
      cancelled: (deltas) => {
        this.#stroke = null;
        for (const delta of deltas.toReversed()) {
          revertDelta(this.volume, delta);
          this.#announce(delta, true);
        }
        if (deltas.length > 0) this.#sink({ kind: 'cancel', at: this.#now() });
      },
    });
    this.#stroke = stroke;
    return stroke;
  }

  /** Records an edit whose delta is already in the volume; null when it changed nothing. */
  push(name: string, delta: Delta): Edit | null {
    this.#refuseOpenStroke();
    const edit = this.#record(name, delta);
    this.#announce(delta);
    return edit;
  }

  /** Applies and records a delta that was made elsewhere. Throws `conflict` when the mask has changed under it. */
  apply(name: string, delta: Delta): Edit | null {
    this.#refuseOpenStroke();
    if (!fits(this.volume, delta)) throw new StudioError('conflict', 'The mask has changed in the meantime; run the tool again.');
    applyDelta(this.volume, delta);
    return this.push(name, delta);
  }

  /** Takes the last edit back; null when there is none. */
  undo(): Edit | null {
    this.#refuseOpenStroke();
    const edit = this.history.undo();
    if (edit === null) return null;
    revertDelta(this.volume, edit.delta);
    this.#sink({ kind: 'undo', at: this.#now() });
    this.#announce(edit.delta, true);
    return edit;
  }

  /** Applies the edit that was last taken back; null when there is none. */
  redo(): Edit | null {
    this.#refuseOpenStroke();
    const edit = this.history.redo();
    if (edit === null) return null;
    applyDelta(this.volume, edit.delta);
    this.#sink({ kind: 'redo', at: this.#now() });
    this.#announce(edit.delta);
    return edit;
  }

  #record(name: string, delta: Delta): Edit | null {
    if (delta.changed === 0) return null;
    const edit: Edit = { name, at: this.#now(), delta };
    this.history.push(edit);
    this.#sink({ kind: 'edit', edit });
    return edit;
  }

  #announce(delta: Delta, reverted = false): void {
    const { box } = delta;
    if (box === null) return;
    const change: DocumentChange = { box, get delta() { return reverted ? invertDelta(delta) : delta; } };
    for (const listener of this.#listeners) listener(change);
  }

  #refuseOpenStroke(): void {
    if (this.#stroke !== null) throw new StudioError('conflict', 'Finish the stroke first.');
  }
}

interface StrokeEvents {
  added(delta: Delta): void;
  committed(delta: Delta): Edit | null;
  cancelled(deltas: readonly Delta[]): void;
}

/** The dabs between pointer down and pointer up. */
export class Stroke {
  readonly name: string;
  readonly #events: StrokeEvents;
  readonly #deltas: Delta[] = [];
  #box: Box | null = null;
  #open = true;

  constructor(name: string, events: StrokeEvents) {
    this.name = name;
    this.#events = events;
  }

  /** What the stroke has touched so far. */
  get box(): Box | null {
    return this.#box;
  }

  /** Takes a dab that is already in the volume. */
  add(delta: Delta): void {
    if (!this.#open) throw new StudioError('conflict', 'This stroke is finished.');
    if (delta.changed === 0) return;
    this.#deltas.push(delta);
    this.#box = unionBox(this.#box, delta.box);
    this.#events.added(delta);
  }

  /** Ends the stroke: one step in the history, or null when it changed nothing. */
  commit(): Edit | null {
    this.#close();
    if (this.#deltas.length === 0) {
      this.#events.cancelled([]);
      return null;
    }
    const delta = mergeDeltas(this.#deltas);
    if (delta.changed === 0) this.#events.cancelled(this.#deltas);
    return delta.changed === 0 ? null : this.#events.committed(delta);
  }

  /** Gives the stroke up: the volume is as it was before. */
  cancel(): void {
    this.#close();
    this.#events.cancelled(this.#deltas);
  }

  #close(): void {
    if (!this.#open) throw new StudioError('conflict', 'This stroke is finished.');
    this.#open = false;
  }
}
