import { activation, elementCount, type ActivationShape, type TensorType } from '../../tensor/tensorType.ts';

/** A float64 tensor of the reference executor; integers are held exactly. */
export interface ReferenceTensor {
  readonly type: TensorType;
  readonly data: Float64Array;
}

export function emptyTensor(type: TensorType): ReferenceTensor {
  return { type, data: new Float64Array(elementCount(type.shape)) };
}

export function extents(tensor: ReferenceTensor): ActivationShape & { readonly voxels: number } {
  const shape = activation(tensor.type);
  return { ...shape, voxels: shape.d * shape.h * shape.w };
}

/** Element of a typed array that the loop bounds guarantee. */
export function at(data: Float64Array, index: number): number {
  return data[index] as number;
}

/** A kernel: reads inputs, fills outputs (which arrive zeroed). */
export type ReferenceKernel<Attributes> = (
  attributes: Attributes,
  inputs: readonly ReferenceTensor[],
  outputs: readonly ReferenceTensor[],
) => void;
