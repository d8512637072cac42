import { StudioError } from '#shared/base/errors.ts';
import type { OpAttributes, OpKind } from '../ops/attributes.ts';
import { operations } from '../ops/table.ts';
import type { TensorType } from '../tensor/tensorType.ts';
import type { AnyNode, Graph, Node, NodeBuilder, Value, ValueRole } from './graph.ts';

/** Builds a graph node by node, in execution order; shapes are inferred and checked as each node is added. */
export class GraphBuilder implements NodeBuilder {
  readonly #nodes: AnyNode[] = [];
  readonly #named = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();
  readonly #updates = new Map<Value, Value>();
  readonly #producers = new Map<Value, AnyNode>();
  #next = 0;

  get nodes(): readonly AnyNode[] {
    return this.#nodes;
  }

  input(name: string, type: TensorType): Value {
    return this.#declare(name, type, 'input');
  }

  parameter(name: string, type: TensorType): Value {
    return this.#declare(name, type, 'parameter');
  }

  state(name: string, type: TensorType): Value {
    return this.#declare(name, type, 'state');
  }

  node<K extends OpKind>(op: K, attributes: OpAttributes[K], inputs: readonly Value[], scope: string): readonly Value[] {
    const types = operations[op].infer(
      attributes,
      inputs.map((value) => value.type),
    );
    const outputs = types.map((type, index): Value => ({
      id: this.#next++,
      type,
      role: 'intermediate',
      name: `${scope}/${op}${types.length > 1 ? `.${index}` : ''}`,
    }));
    const node: Node<K> = { op, attributes, inputs, outputs, scope };
    const added = node as unknown as AnyNode; // a Node<K> of one K is one member of the union
    this.#nodes.push(added);
    for (const output of outputs) this.#producers.set(output, added);
    return outputs;
  }

  /** As `node`, for operations whose first output is the one of interest. */
  apply<K extends OpKind>(op: K, attributes: OpAttributes[K], inputs: readonly Value[], scope: string): Value {
    const [output] = this.node(op, attributes, inputs, scope);
    if (output === undefined)
      throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `${op} has no output` });
    return output;
  }

  producer(value: Value): AnyNode | undefined {
    return this.#producers.get(value);
  }

  /** Makes a value readable after a run, under a name. */
  output(name: string, value: Value): void {
    this.#outputs.set(name, value);
  }

  /** Declares that `next`, an in-place output, is the new value of a parameter or state. */
  update(persistent: Value, next: Value): void {
    this.#updates.set(persistent, next);
  }

  build(): Graph {
    const withRole = (role: ValueRole): Value[] => [...this.#named.values()].filter((value) => value.role === role);
    return {
      inputs: withRole('input'),
      parameters: withRole('parameter'),
      states: withRole('state'),
      nodes: [...this.#nodes],
      outputs: new Map(this.#outputs),
      updates: new Map(this.#updates),
    };
  }

  #declare(name: string, type: TensorType, role: ValueRole): Value {
    if (this.#named.has(name))
      throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `declared twice: ${name}` });
    const value: Value = { id: this.#next++, type, role, name };
    this.#named.set(name, value);
    return value;
  }
}
