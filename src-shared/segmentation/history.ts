import type { Delta } from './delta.ts';

/** One step that undo takes back. */
export interface Edit {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly delta: Delta;
}

/** Unlimited undo and redo; a new edit drops what was undone before it. */
export class History {
  readonly #edits: Edit[];
  #done: number;

  /** `done`: how many of `edits` are in force. */
  constructor(edits: readonly Edit[] = [], done = edits.length) {
    this.#edits = [...edits];
    this.#done = Math.min(done, edits.length);
  }

  /** All edits, undone ones last. */
  get edits(): readonly Edit[] {
    return this.#edits;
  }

  get done(): number {
    return this.#done;
  }

  get canUndo(): boolean {
    return this.#done > 0;
  }

  get canRedo(): boolean {
    return this.#done < this.#edits.length;
  }

  /** What undo would take back. */
  get undoName(): string | null {
    return this.#edits[this.#done - 1]?.name ?? null;
  }

  get redoName(): string | null {
    return this.#edits[this.#done]?.name ?? null;
  }

  push(edit: Edit): void {
    this.#edits.length = this.#done;
    this.#edits.push(edit);
    this.#done++;
  }

  /** Takes the last push back as if it had never been: `undone` are the edits that it dropped. */
  replaceLast(undone: readonly Edit[]): void {
    this.#done = Math.max(0, this.#done - 1);
    this.#edits.splice(this.#done, Infinity, ...undone);
  }

  /** The edit to revert, or null. */
  undo(): Edit | null {
    if (!this.canUndo) return null;
    this.#done--;
    return this.#edits[this.#done] ?? null;
  }

  /** The edit to apply again, or null. */
  redo(): Edit | null {
    const edit = this.#edits[this.#done] ?? null;
    if (edit !== null) this.#done++;
    return edit;
  }
}
