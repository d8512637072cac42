import { StudioError } from '#shared/base/errors.ts';

/** f16: how some devices store large intermediates (plan/halfStorage.ts); host data of such a tensor are float32. */
export type ElementType = 'f32' | 'f16' | 'i32';

/** Element type and logical shape of a tensor. Host memory is contiguous, last axis fastest. */
export interface TensorType {
  readonly element: ElementType;
  readonly shape: readonly number[];
}

export type HostData = Float32Array | Int32Array;

/** Axes of an activation: N = instances · batch (instance-major), channels, depth (k), height (j), width (i). */
export interface ActivationShape {
  readonly n: number;
  readonly c: number;
  readonly d: number;
  readonly h: number;
  readonly w: number;
}

/** Bytes of a tensor without padding. */
export function byteCount({ element, shape }: TensorType): number {
  return elementCount(shape) * (element === 'f16' ? 2 : 4);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function f32(...shape: readonly number[]): TensorType {
  return { element: 'f32', shape };
}

export function i32(...shape: readonly number[]): TensorType {
  return { element: 'i32', shape };
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The five extents of an activation; `internal` for another rank. */
export function activation(type: TensorType): ActivationShape {
  const [n, c, d, h, w] = type.shape;
  if (type.shape.length !== 5 || n === undefined || c === undefined || d === undefined || h === undefined || w === undefined) {
    throw new StudioError('internal', 'Something went wrong inside the application.', {
      detail: `activation expected, got shape [${type.shape.join(', ')}]`,
    });
  }
  return { n, c, d, h, w };
}
