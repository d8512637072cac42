import { must } from '#shared/base/assert.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Random } from '#shared/base/random.ts';
import type { Session } from '#main/engine/executors/executor.ts';
import type { Model } from './build.ts';
import { instanceLength, NORM_EPSILON, type ParameterSpec } from './modelBuilder.ts';
import type { NamedTensor } from './safetensors.ts';

/** Weights and running statistics by the reference implementation's names; one tensor per instance. */
export type Weights = ReadonlyMap<string, NamedTensor>;

/** What is kept of a network: its parameters and running statistics, not its constants. */
function stored({ parameters, states }: Pick<Model, 'parameters' | 'states'>): ParameterSpec[] {
  return [...parameters, ...states].filter(({ fixed }) => fixed !== true);
}

/** Whether a tensor of this name is a running statistic of a norm, which is no trained number. */
export const isStatistic = (name: string): boolean => /\.running_(mean|var)$/.test(name);

/** Fresh weights as PyTorch's defaults draw them: uniform ±1/√fan-in for convolutions, ones and zeros for norms. */
export function initialWeights(model: Model, random: Random): Map<string, NamedTensor> {
  const weights = new Map<string, NamedTensor>();
  for (const spec of stored(model)) {
    for (const name of spec.names) {
      const { init } = spec;
      const data = new Float32Array(instanceLength(spec));
      if (init.kind === 'constant') data.fill(init.value);
      else for (let index = 0; index < data.length; index++) data[index] = random.uniform(-init.bound, init.bound);
      weights.set(name, { shape: spec.value.type.shape.slice(1), data });
    }
  }
  return weights;
}

/** Writes weights into a session. Throws `invalid-file` naming the first tensor that is missing or has another shape. */
export async function loadWeights(session: Session, model: Pick<Model, 'parameters' | 'states'>, weights: Weights): Promise<void> {
  for (const spec of [...model.parameters, ...model.states]) {
    await session.write(spec.value, specData(spec, weights));
  }
}

/** A parameter's data, instances one after another, norms folded in where they are to be. Throws `invalid-file` as `loadWeights`. */
export function specData(spec: ParameterSpec, weights: Weights): Float32Array {
  const length = instanceLength(spec);
  const joined = new Float32Array(length * spec.names.length);
  if (spec.fixed === true) return joined;
  spec.names.forEach((name, instance) =>
    joined.set(spec.foldedNorm ? folded(spec, instance, weights) : tensor(weights, name, length), instance * length),
  );
  return joined;
}

/** Reads weights and running statistics back out of a training session. */
export async function readWeights(session: Session, model: Pick<Model, 'parameters' | 'states'>): Promise<Map<string, NamedTensor>> {
  const weights = new Map<string, NamedTensor>();
  for (const spec of stored(model)) {
    const joined = (await session.read(spec.value)) as Float32Array;
    const length = instanceLength(spec);
    spec.names.forEach((name, instance) =>
      weights.set(name, { shape: spec.value.type.shape.slice(1), data: joined.slice(instance * length, (instance + 1) * length) }),
    );
  }
  return weights;
}

/** The weights of `model` with those of `source` wherever name and shape agree (a backbone under a new head), the rest from `fresh`. */
export function transplant(source: Weights, fresh: Weights): { readonly weights: Map<string, NamedTensor>; readonly carried: number } {
  const weights = new Map(fresh);
  let carried = 0;
  for (const [name, own] of fresh) {
    const other = source.get(name);
    if (other === undefined || other.data.length !== own.data.length || other.shape.join() !== own.shape.join()) continue;
    weights.set(name, other);
    carried++;
  }
  return { weights, carried };
}

/**
 * (1 − α)·before + α·after, running statistics alike: between a model and what fine-tuning made of it the loss has no hill (arXiv 2109.01903). What
 * `before` lacks, or has in another shape, is as it is after.
 */
export function interpolated(before: Weights, after: Weights, alpha: number): Map<string, NamedTensor> {
  return new Map(
    [...after].map(([name, { shape, data }]): [string, NamedTensor] => {
      const old = before.get(name);
      if (old?.shape.join() !== shape.join()) return [name, { shape, data }];
      return [name, { shape, data: data.map((value, at) => (1 - alpha) * (old.data[at] ?? 0) + alpha * value) as typeof data }];
    }),
  );
}

/** The mean of weights that began from the same ones; all have the same names and shapes. */
export function meanOf(all: readonly Weights[]): Weights {
  const [first, ...others] = all;
  if (first === undefined || others.length === 0) return first ?? new Map<string, NamedTensor>();
  return new Map(
    [...first].map(([name, { shape, data }]): [string, NamedTensor] => {
      const rest = others.map((each) => each.get(name)?.data);
      const sum = (at: number): number => rest.reduce((total, each) => total + (each?.[at] ?? 0), data[at] ?? 0);
      return [name, { shape, data: data.map((_value, at) => sum(at) / all.length) as typeof data }];
    }),
  );
}

/**
 * Weights for another list of labels by class: each label keeps its row of the head, wherever it stands now, and a new one begins at
 * zero; no label inherits the row of another. `from` and `to`: label values by class. A head of other size than `from` is left out.
 * `heads`: the names of its weight and bias.
 */
export function forLabels(weights: Weights, from: readonly number[], to: readonly number[], heads: readonly string[] = OWN_HEAD): Weights {
  const mapped = new Map(weights);
  for (const name of heads) {
    const head = weights.get(name);
    if (head === undefined) continue;
    const [rows, ...shape] = head.shape;
    mapped.delete(name);
    if (rows !== from.length) continue;
    const length = head.data.length / rows;
    const data = new Float32Array(to.length * length);
    to.forEach((label, row) => {
      const before = from.indexOf(label);
      if (before >= 0) data.set(head.data.subarray(before * length, (before + 1) * length), row * length);
    });
    mapped.set(name, { shape: [to.length, ...shape], data });
  }
  return mapped;
}

const OWN_HEAD = ['head.cls.weight', 'head.cls.bias'] as const;

/** Numbers in all tensors together. */
export function elementCountOf(weights: Weights): number {
  return [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
}

function tensor(weights: Weights, name: string, length: number): Float32Array {
  const found = weights.get(name);
  if (found === undefined) throw new StudioError('invalid-file', `These weights do not belong to this model: ${name} is missing.`);
  if (found.data.length !== length || !(found.data instanceof Float32Array))
    throw new StudioError('invalid-file', `These weights do not belong to this model: ${name} has another shape.`);
  return found.data;
}

/** Convolution weight or bias with the norm behind it folded in: w·s and (b − mean)·s + beta, s = gamma/√(variance+ε). */
function folded(spec: ParameterSpec, instance: number, weights: Weights): Float32Array {
  const { part, names, convolution } = must(spec.foldedNorm, 'folded norm');
  const norm = must(names[instance], 'norm name');
  const name = must(convolution[instance], 'convolution name');
  const channels = spec.value.type.shape[1] ?? 0;
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((key) =>
    tensor(weights, `${norm}.${key}`, channels),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const scale = gamma.map((value, channel) => value / Math.sqrt((variance[channel] ?? 0) + NORM_EPSILON));
  if (part === 'bias') {
    const bias = tensor(weights, `${name}.bias`, channels);
    return bias.map((value, channel) => (value - (mean[channel] ?? 0)) * (scale[channel] ?? 0) + (beta[channel] ?? 0));
  }
  const length = instanceLength(spec);
  const each = length / channels;
  return tensor(weights, `${name}.weight`, length).map((value, index) => value * (scale[Math.floor(index / each)] ?? 0));
}
