import { must } from '#shared/base/assert.ts';
import type { AnyNode, Value } from '../../graph/graph.ts';
import type { OpAttributes, OpKind } from '../../ops/attributes.ts';
import type { Plan } from '../../plan/plan.ts';
import { elementCount, type HostData } from '../../tensor/tensorType.ts';
import type { Executor, Session } from '../executor.ts';
import { HostDataRules } from '../hostData.ts';
import { loadTensorflow } from './binding.ts';
import * as convolution from './convolution.ts';
import * as elementwise from './elementwise.ts';
import type { Kernel, KernelInputs } from './kernel.ts';
import * as losses from './losses.ts';
import * as normalisation from './normalisation.ts';
import { Tensors, type Tensor } from './tensors.ts';

const kernels: { readonly [K in OpKind]: Kernel<OpAttributes[K]> } = { ...convolution, ...elementwise, ...losses, ...normalisation };

/**
 * Runs plans on an installed TensorFlow (tfjs-node or tfjs-node-gpu), operation by operation. Its own allocator holds the tensors, so the
 * plan's arena is an estimate. Throws `unsupported` when TensorFlow is not installed, `device` when it does not load.
 */
export function createTensorflowExecutor(): Promise<Executor> {
  return Promise.resolve().then(() => {
    const { binding } = loadTensorflow();
    const tensors = new Tensors(binding);
    return {
      name: 'tensorflow',
      description: `TensorFlow ${binding.TF_Version}, ${binding.isUsingGpuDevice() ? 'CUDA' : 'processor'}`,
      reusesMemory: false,
      unsupported: ({ nodes }) =>
        nodes.some(({ op, inputs }) => op === 'adamW' && inputs.length > 6) ? 'a loss scale, which only float16 storage needs' : undefined,
      storageBytes: ({ shape }) => elementCount(shape) * 4,
      prepare: (plan) => Promise.resolve(new TensorflowSession(plan, tensors)),
      dispose: () => undefined,
    };
  });
}

class TensorflowSession implements Session {
  readonly bytes: number;
  readonly #plan: Plan;
  readonly #rules: HostDataRules;
  readonly #tf: Tensors;
  readonly #values = new Map<Value, Tensor>();
  /** Per step, the intermediates that nobody needs after it. */
  readonly #dying: readonly Value[][];

  constructor(plan: Plan, tf: Tensors) {
    this.bytes = plan.arenaBytes;
    this.#plan = plan;
    this.#rules = new HostDataRules(plan.graph);
    this.#tf = tf;
    this.#dying = lastUses(plan);
    for (const value of [...plan.graph.parameters, ...plan.graph.states, ...plan.graph.inputs]) {
      const count = elementCount(value.type.shape);
      this.#set(value, value.type.element === 'i32' ? new Int32Array(count) : new Float32Array(count));
    }
  }

  write(value: Value, data: HostData): Promise<void> {
    return Promise.resolve().then(() => {
      this.#rules.check(value, data);
      this.#set(value, data);
    });
  }

  async run(): Promise<void> {
    for (const [step, node] of this.#plan.steps.entries()) {
      this.#step(node);
      for (const value of this.#dying[step] ?? []) this.#free(value);
      // TensorFlow blocks the thread; between operations others get their turn.
      if (step % 64 === 63)
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
    }
    for (const [persistent, next] of this.#plan.graph.updates) {
      const tensor = must(this.#values.get(next), next.name);
      const before = this.#values.get(persistent);
      this.#values.set(
        persistent,
        this.#plan.graph.outputs.size > 0 && [...this.#plan.graph.outputs.values()].includes(next) ? this.#copy(tensor) : tensor,
      );
      if (this.#values.get(persistent) === tensor) this.#values.delete(next);
      if (before !== undefined) this.#tf.delete(before);
    }
  }

  read(value: Value): Promise<HostData> {
    const { id } = must(this.#values.get(value), `no tensor for ${value.name}`);
    const data = this.#tf.binding.tensorDataSync(id);
    return Promise.resolve(value.type.element === 'i32' ? Int32Array.from(data) : Float32Array.from(data));
  }

  dispose(): void {
    for (const value of [...this.#values.keys()]) this.#free(value);
  }

  #step<K extends OpKind>(node: AnyNode): void {
    const kernel = kernels[node.op as K];
    const inputs = node.inputs.map((value) => must(this.#values.get(value), `no tensor for ${value.name}`));
    const results = this.#tf.scope(() => {
      const made = kernel(this.#tf, node.attributes as OpAttributes[K], inputs as unknown as KernelInputs);
      // A kernel with nothing to do (one part, no activation) may hand an input back.
      return made.map((tensor) => (inputs.some(({ id }) => id === tensor.id) ? this.#tf.copy(tensor) : tensor));
    });
    node.outputs.forEach((value, index) => {
      this.#free(value);
      this.#values.set(value, must(results[index], 'output'));
    });
  }

  #copy(tensor: Tensor): Tensor {
    return must(this.#tf.scope(() => [this.#tf.copy(tensor)])[0], 'copy');
  }

  #set(value: Value, data: HostData): void {
    this.#free(value);
    this.#values.set(value, must(this.#tf.scope(() => [this.#tf.create(data, value.type.shape)])[0], 'tensor'));
  }

  #free(value: Value): void {
    const tensor = this.#values.get(value);
    if (tensor === undefined) return;
    this.#tf.delete(tensor);
    this.#values.delete(value);
  }
}

function lastUses({ steps, graph }: Plan): Value[][] {
  const kept = new Set<Value>([
    ...graph.parameters,
    ...graph.states,
    ...graph.inputs,
    ...graph.outputs.values(),
    ...graph.updates.values(),
  ]);
  const last = new Map<Value, number>();
  steps.forEach(({ inputs, outputs }, step) => [...inputs, ...outputs].forEach((value) => last.set(value, step)));
  const dying: Value[][] = steps.map(() => []);
  for (const [value, step] of last) if (!kept.has(value)) dying[step]?.push(value);
  return dying;
}
