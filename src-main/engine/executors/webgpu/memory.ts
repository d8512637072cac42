import { must } from '#shared/base/assert.ts';
import type { Value } from '../../graph/graph.ts';
import type { Placement, Plan } from '../../plan/plan.ts';
import { alignUp, type Operand } from './kernel.ts';
import type { PagePosition } from './lowering.ts';
import type { Piece } from './wgsl.ts';

/** A contiguous stretch of the plan's arena. It is one buffer unless a value in it is larger than a binding may be. */
interface Page {
  readonly start: number;
  end: number;
}

/** A range of one GPU buffer. */
export interface Range extends Piece {
  readonly buffer: number;
  readonly offset: number;
}

/**
 * Lays a plan's arena, its scratch and its tables out over buffers of at most `limit` bytes (the adapter's largest storage binding).
 * Pages begin where a value begins, so that a value is split only when it is larger than the limit itself.
 */
export class MemoryLayout {
  /** Sizes of the buffers to make. */
  readonly buffers: number[] = [];
  readonly #limit: number;
  readonly #placements: ReadonlyMap<Value, Placement>;
  readonly #pages: Page[] = [];
  readonly #firstBuffer: number[] = [];

  constructor(plan: Plan, limit: number) {
    this.#limit = Math.floor(limit / 256) * 256;
    this.#placements = plan.placements;
    for (const { offset, bytes } of [...plan.placements.values()].sort((a, b) => a.offset - b.offset)) {
      const page = this.#pages.at(-1);
      const end = offset + bytes;
      if (page !== undefined && (end <= page.end || end - page.start <= this.#limit)) page.end = Math.max(page.end, end);
      else this.#pages.push({ start: offset, end });
    }
    for (const { start, end } of this.#pages) {
      this.#firstBuffer.push(this.buffers.length);
      for (let at = start; at < end; at += this.#limit) this.buffers.push(Math.min(this.#limit, end - at));
    }
  }

  /** Appends a buffer for scratch or tables and returns its number. */
  addBuffer(bytes: number): number {
    return this.buffers.push(Math.max(256, alignUp(bytes))) - 1;
  }

  pageOf(value: Value): PagePosition {
    const { offset } = this.#placement(value);
    const page = this.#pageAt(offset);
    return { page, start: (offset - must(this.#pages[page], 'page').start) / 4 };
  }

  rangesOf(value: Value): Range[] {
    const { offset, bytes } = this.#placement(value);
    const page = this.#pageAt(offset);
    return this.#pieces(page, offset - must(this.#pages[page], 'page').start, bytes);
  }

  /** Ranges of an operand; `scratch` and `tables` are the buffers added for them. */
  rangesOfOperand({ storage }: Operand, scratch: number, tableRange: (data: Uint32Array) => Range): Range[] {
    switch (storage.kind) {
      case 'value':
        return this.rangesOf(storage.value);
      case 'page': {
        const { start, end } = must(this.#pages[storage.page], 'page');
        return this.#pieces(storage.page, 0, end - start);
      }
      case 'scratch':
        return [rangeOf(scratch, storage.offset, storage.bytes)];
      case 'table':
        return [tableRange(storage.data)];
    }
  }

  #placement(value: Value): Placement {
    return must(this.#placements.get(value), `no place for ${value.name}`);
  }

  #pageAt(offset: number): number {
    let [low, high] = [0, this.#pages.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (must(this.#pages[middle], 'page').start <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #pieces(page: number, start: number, bytes: number): Range[] {
    const ranges: Range[] = [];
    const first = must(this.#firstBuffer[page], 'page');
    for (let at = start; at < start + bytes;) {
      const slab = Math.floor(at / this.#limit);
      const end = Math.min(start + bytes, (slab + 1) * this.#limit);
      ranges.push(rangeOf(first + slab, at - slab * this.#limit, end - at));
      at = end;
    }
    return ranges;
  }
}

export function rangeOf(buffer: number, offset: number, bytes: number): Range {
  return { buffer, offset, bytes, key: `${buffer}:${offset}:${bytes}` };
}
