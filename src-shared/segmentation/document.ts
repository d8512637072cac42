import { StudioError } from '../base/errors.ts';
import type { LabelVolume } from '../geometry/grid.ts';
import { unionBox, type Box } from './box.ts';
import { invertDelta } from './compose.ts';
import { labelsIn, type Delta } from './delta.ts';
import { History, type Edit } from './history.ts';
import { decodeMask } from './maskCodec.ts';
import { RecordPlayer } from './player.ts';
import { decodeHistory, encodeRecord, type DocumentRecord } from './records.ts';

export interface DocumentChange {
  readonly box: Box;
  /** What changed: the voxels of an edit, or of one dab of a stroke. Worked out when it is asked for. */
  readonly delta: Delta;
  /** Labels that were taken away or written. Worked out when it is asked for. */
  readonly labels: ReadonlySet<number>;
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
  readonly #player: RecordPlayer;
  readonly #sink: (record: DocumentRecord) => void;
  readonly #now: () => number;
  readonly #listeners = new Set<(change: DocumentChange) => void>();
  #stroke: Stroke | null = null;

  constructor(volume: LabelVolume, options: DocumentOptions = {}) {
    this.#player = new RecordPlayer(volume, options.history ?? new History());
    const { sink } = options;
    this.#sink = sink === undefined ? () => undefined : (record) => sink(encodeRecord(record));
    this.#now = options.now ?? Date.now;
  }

  /** A document from an encoded mask (encodeMask) and history (encodeHistory). Throws `corrupt`. */
  static restore(mask: Uint8Array, history: Uint8Array, options: Omit<DocumentOptions, 'history'> = {}): SegmentationDocument {
    return new SegmentationDocument(decodeMask(mask), { ...options, history: decodeHistory(history) });
  }

  get volume(): LabelVolume {
    return this.#player.volume;
  }

  get history(): History {
    return this.#player.history;
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
        const edit: Edit = { name, at: this.#now(), delta };
        this.#player.take('partial', edit);
        this.#sink({ kind: 'partial', edit });
        this.#announce(delta);
      },
      committed: () => {
        this.#stroke = null;
        const drawn = this.#player.stroke.length > 0;
        const edit = this.#player.finishStroke(this.#now());
        if (edit !== null) this.#sink({ kind: 'edit', edit });
        else if (drawn) this.#sink({ kind: 'cancel', at: this.#now() });
        return edit;
      },
      cancelled: () => {
        this.#stroke = null;
        const dabs = this.#player.stroke;
        if (dabs.length > 0) this.#play({ kind: 'cancel', at: this.#now() });
        for (const { delta } of dabs.toReversed()) this.#announce(delta, true);
      },
    });
    this.#stroke = stroke;
    return stroke;
  }

  /** Records an edit whose delta is already in the volume; null when it changed nothing. */
  push(name: string, delta: Delta): Edit | null {
    this.#refuseOpenStroke();
    if (delta.changed === 0) return null;
    const edit: Edit = { name, at: this.#now(), delta };
    this.#player.take('edit', edit);
    this.#sink({ kind: 'edit', edit });
    this.#announce(delta);
    return edit;
  }

  /** Applies and records a delta that was made elsewhere. Throws `conflict` when the mask has changed under it. */
  apply(name: string, delta: Delta): Edit | null {
    this.#refuseOpenStroke();
    if (delta.changed === 0) return null;
    const edit: Edit = { name, at: this.#now(), delta };
    this.#play({ kind: 'edit', edit });
    this.#announce(delta);
    return edit;
  }

  /** Takes the last edit back; null when there is none. */
  undo(): Edit | null {
    this.#refuseOpenStroke();
    const edit = this.history.edits[this.history.done - 1];
    if (edit === undefined) return null;
    this.#play({ kind: 'undo', at: this.#now() });
    this.#announce(edit.delta, true);
    return edit;
  }

  /** Applies the edit that was last taken back; null when there is none. */
  redo(): Edit | null {
    this.#refuseOpenStroke();
    const edit = this.history.edits[this.history.done];
    if (edit === undefined) return null;
    this.#play({ kind: 'redo', at: this.#now() });
    this.#announce(edit.delta);
    return edit;
  }

  #play(record: DocumentRecord): void {
    this.#player.play([record]);
    this.#sink(record);
  }

  #announce(delta: Delta, reverted = false): void {
    const { box } = delta;
    if (box === null) return;
    const change: DocumentChange = {
      box,
      get delta() {
        return reverted ? invertDelta(delta) : delta;
      },
      get labels() {
        return labelsIn(delta);
      },
    };
    for (const listener of this.#listeners) listener(change);
  }

  #refuseOpenStroke(): void {
    if (this.#stroke !== null) throw new StudioError('conflict', 'Finish the stroke first.');
  }
}

interface StrokeEvents {
  added(delta: Delta): void;
  committed(): Edit | null;
  cancelled(): void;
}

/** The dabs between pointer down and pointer up. */
export class Stroke {
  readonly name: string;
  readonly #events: StrokeEvents;
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
    this.#box = unionBox(this.#box, delta.box);
    this.#events.added(delta);
  }

  /** Ends the stroke: one step in the history, or null when it changed nothing. */
  commit(): Edit | null {
    this.#close();
    return this.#events.committed();
  }

  /** Gives the stroke up: the volume is as it was before. */
  cancel(): void {
    this.#close();
    this.#events.cancelled();
  }

  #close(): void {
    if (!this.#open) throw new StudioError('conflict', 'This stroke is finished.');
    this.#open = false;
  }
}
