import { must } from '#shared/base/assert.ts';
import type { AnyNode, Value } from '../../graph/graph.ts';
import type { OpAttributes, OpKind } from '../../ops/attributes.ts';
import { elementCount, type HostData } from '../../tensor/tensorType.ts';
import type { Executor, Session } from '../executor.ts';
import { HostDataRules } from '../hostData.ts';
import type { Plan } from '../../plan/plan.ts';
import * as convolution from './convolution.ts';
import * as elementwise from './elementwise.ts';
import * as losses from './losses.ts';
import * as normalisation from './normalisation.ts';
import * as rearrange from './rearrange.ts';
import { emptyTensor, type ReferenceKernel, type ReferenceTensor } from './tensor.ts';

const kernels: { readonly [K in OpKind]: ReferenceKernel<OpAttributes[K]> } = {
  ...convolution,
  ...elementwise,
  ...losses,
  ...normalisation,
  ...rearrange,
};

/** The living definition of every operation: naive loops in float64. For tests, and for sizes where seconds do not matter. */
export function createReferenceExecutor(): Executor {
  return {
    name: 'reference',
    description: 'TypeScript, float64',
    reusesMemory: false,
    unsupported: () => undefined,
    storageBytes: (type) => elementCount(type.shape) * 8,
    prepare: (plan) => Promise.resolve(new ReferenceSession(plan)),
    dispose: () => undefined,
  };
}

class ReferenceSession implements Session {
  readonly #plan: Plan;
  readonly #rules: HostDataRules;
  readonly #tensors = new Map<Value, ReferenceTensor>();

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#rules = new HostDataRules(plan.graph);
    const { parameters, states, inputs } = plan.graph;
    for (const value of [...parameters, ...states, ...inputs]) this.#tensors.set(value, emptyTensor(value.type));
  }

  get bytes(): number {
    return this.#plan.arenaBytes;
  }

  write(value: Value, data: HostData): Promise<void> {
    return Promise.resolve().then(() => {
      this.#rules.check(value, data);
      this.#tensor(value).data.set(data);
    });
  }

  run(): Promise<void> {
    for (const node of this.#plan.steps) this.#step(node);
    for (const [persistent, next] of this.#plan.graph.updates) this.#tensor(persistent).data.set(this.#tensor(next).data);
    return Promise.resolve();
  }

  read(value: Value): Promise<HostData> {
    const { type, data } = this.#tensor(value);
    return Promise.resolve(type.element === 'i32' ? Int32Array.from(data) : Float32Array.from(data));
  }

  dispose(): void {
    this.#tensors.clear();
  }

  #tensor(value: Value): ReferenceTensor {
    return must(this.#tensors.get(value), `no tensor for ${value.name}`);
  }

  #step<K extends OpKind>(node: AnyNode): void {
    const outputs = node.outputs.map((value) => emptyTensor(value.type));
    const kernel = kernels[node.op as K];
    kernel(
      node.attributes as OpAttributes[K],
      node.inputs.map((value) => this.#tensor(value)),
      outputs,
    );
    node.outputs.forEach((value, index) => this.#tensors.set(value, must(outputs[index], 'output')));
  }
}
