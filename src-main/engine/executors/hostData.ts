import { StudioError } from '#shared/base/errors.ts';
import type { AnyNode, Graph, Value } from '../graph/graph.ts';
import type { OpKind } from '../ops/attributes.ts';
import type { OpDefinition } from '../ops/definition.ts';
import { operations } from '../ops/table.ts';
import { elementCount, type HostData } from '../tensor/tensorType.ts';

/** The border of every executor: what the host may write into a graph's values. */
export class HostDataRules {
  /** Exclusive upper bounds of the values that are indices. */
  readonly #below = new Map<Value, number>();

  constructor({ nodes }: Graph) {
    for (const node of nodes) {
      for (const [index, below] of indicesOf(node))
        this.#below.set(node.inputs[index] as Value, Math.min(below, this.#below.get(node.inputs[index] as Value) ?? Infinity));
    }
  }

  /**
   * Throws `internal` where the data have another type or length than the value (a buffer that was handed away has length 0) or lie in
   * memory that may change meanwhile, and `corrupt` where an index is out of bounds.
   */
  check(value: Value, data: HostData): void {
    const { element, shape } = value.type;
    if ((element === 'i32') !== data instanceof Int32Array || data.length !== elementCount(shape))
      throw refused(`"${value.name}" takes ${elementCount(shape)} values of ${element}, not ${data.length} of a ${data.constructor.name}`);
    if (!(data.buffer instanceof ArrayBuffer) || data.buffer.resizable)
      throw refused(`"${value.name}" is not read from shared or resizable memory`);
    const below = this.#below.get(value);
    if (below === undefined) return;
    const wrong = data.find((index) => index < 0 || index >= below);
    if (wrong !== undefined)
      throw new StudioError('corrupt', `The data of this step are damaged: "${value.name}" holds ${wrong}, which is not below ${below}.`);
  }
}

function indicesOf<K extends OpKind>(node: AnyNode): [number, number][] {
  const { indices = {} }: OpDefinition<K> = operations[node.op as K];
  const types = node.inputs.map(({ type }) => type);
  return Object.entries(indices).map(([index, below]) => [Number(index), below(types)]);
}

function refused(detail: string): StudioError {
  return new StudioError('internal', 'Something went wrong inside the application.', { detail });
}
