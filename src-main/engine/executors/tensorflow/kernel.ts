import type { Tensor, Tensors } from './tensors.ts';

/** An operation on TensorFlow tensors in host layout. Inputs are never freed by it; results are new tensors. */
export type Kernel<Attributes> = (tf: Tensors, attributes: Attributes, inputs: KernelInputs) => readonly Tensor[];

/** As many as the operation takes (the graph builder has checked that). */
export type KernelInputs = readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
