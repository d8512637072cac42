import { StudioError } from '#shared/base/errors.ts';
import { sameShape, type TensorType } from '../tensor/tensorType.ts';

/** Throws `internal` with the shapes when an operation's inputs do not fit together. */
export function requireShape(condition: boolean, what: string, inputs: readonly TensorType[]): asserts condition {
  if (condition) return;
  const shapes = inputs.map((type) => `[${type.shape.join(', ')}]`).join(' ');
  throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `${what}: ${shapes}` });
}

/** The input at `index`; `internal` when there are too few. */
export function input(inputs: readonly TensorType[], index: number): TensorType {
  const type = inputs[index];
  requireShape(type !== undefined, `input ${index} is missing`, inputs);
  return type;
}

export function requireSame(inputs: readonly TensorType[], a: number, b: number): void {
  requireShape(sameShape(input(inputs, a).shape, input(inputs, b).shape), `inputs ${a} and ${b} must have one shape`, inputs);
}
