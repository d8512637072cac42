import type { Value } from '../../graph/graph.ts';
import { byteCount } from '../../tensor/tensorType.ts';

/**
 * What a kernel reads or writes: a value of the plan; a stretch of the scratch buffer that lives for one step; a whole page of the
 * arena (for kernels over many small tensors); or a table of constants.
 */
export type Storage =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'scratch'; readonly offset: number; readonly bytes: number }
  | { readonly kind: 'page'; readonly page: number }
  | { readonly kind: 'table'; readonly data: Uint32Array };

/** `width` 4 views the storage as vec4; its accessors then count in vectors. f16 is storage only: accessors take and give f32. */
export interface Operand {
  readonly storage: Storage;
  readonly element: 'f32' | 'f16' | 'i32' | 'u32';
  readonly width: 1 | 4;
}

/** Multiply-accumulates count as two operations; bytes are each operand's once. */
export interface Work {
  readonly operations: number;
  readonly bytes: number;
  /** Bytes that the workgroups of a tiled kernel load from global memory, what several of them load counted as often. */
  readonly loaded?: number;
}

/**
 * One dispatch, before it meets a device. `code` is WGSL that reads an operand `x` by `x(i)` and writes it by `set_x(i, v)`, with
 * numbers that differ between calls of one pipeline under `u.` (u32 from `integers`, f32 from `floats`).
 */
export interface Kernel {
  readonly name: string;
  readonly operands: Readonly<Record<string, Operand>>;
  readonly integers: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
  readonly code: string;
  readonly workgroups: readonly [number, number, number];
  readonly work: Work;
}

/** Workgroup size of every kernel that is not tiled. */
export const GROUP = 64;
/** WebGPU's limit on workgroups per dimension. */
export const MAX_GROUPS = 65535;

export function operand(value: Value, width: 1 | 4 = 1): Operand {
  return { storage: { kind: 'value', value }, element: value.type.element, width };
}

export function table(data: Uint32Array): Operand {
  return { storage: { kind: 'table', data }, element: 'u32', width: 1 };
}

/** Hands out stretches of the scratch buffer for one step. */
export class Scratch {
  #used = 0;

  /** `count` float32 elements of scratch. */
  take(count: number): Operand {
    const bytes = alignUp(count * 4);
    const storage: Storage = { kind: 'scratch', offset: this.#used, bytes };
    this.#used += bytes;
    return { storage, element: 'f32', width: 1 };
  }

  get bytes(): number {
    return this.#used;
  }
}

/** Storage offsets are multiples of 256 bytes on every WebGPU device. */
export const ALIGNMENT = 256;

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

export function ceilDivide(a: number, b: number): number {
  return Math.ceil(a / b);
}

/** A workgroup grid for a flat count; kernels recover the number as `group(id)` (see wgsl.ts). */
export function flatGrid(groups: number): readonly [number, number, number] {
  return groups <= MAX_GROUPS ? [Math.max(1, groups), 1, 1] : [MAX_GROUPS, ceilDivide(groups, MAX_GROUPS), 1];
}

/** Bytes of some values, each counted once. */
export function bytesOf(...values: readonly Value[]): number {
  return values.reduce((total, { type }) => total + byteCount(type), 0);
}
