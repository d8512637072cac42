import { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import type { ActivationKind } from '#main/engine/ops/attributes.ts';
import { activation as extents, elementCount, f32, type TensorType } from '#main/engine/tensor/tensorType.ts';

export const NORM_EPSILON = 1e-5;
export const NORM_MOMENTUM = 0.1;

/**
 * train: batch statistics, running ones updated. eval: running statistics. predict: eval with every norm that follows a convolution
 * folded into its weights, so that convolution, norm and activation are one pass.
 */
export type ModelMode = 'train' | 'eval' | 'predict';

export type Initialiser = { readonly kind: 'constant'; readonly value: number } | { readonly kind: 'uniform'; readonly bound: number };

/** A parameter or running statistic: its value in the graph and its name in weight files, one per instance. */
export interface ParameterSpec {
  readonly value: Value;
  readonly names: readonly string[];
  readonly init: Initialiser;
  /** A constant of the network: it stays as it begins, and no weight file has it. */
  readonly fixed?: true;
  /** predict mode: this convolution weight or bias absorbs the norm of this name (one per instance). */
  readonly foldedNorm?: { readonly part: 'weight' | 'bias'; readonly names: readonly string[]; readonly convolution: readonly string[] };
}

interface ConvolutionOptions {
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
}

/** Builds network layers into a graph and records their parameters under the names of the reference implementation. */
export class ModelBuilder {
  readonly graph = new GraphBuilder();
  readonly parameters: ParameterSpec[] = [];
  readonly states: ParameterSpec[] = [];
  readonly mode: ModelMode;
  readonly #shared = new Map<string, Value>();
  #tracksStatistics = true;

  constructor(mode: ModelMode) {
    this.mode = mode;
  }

  /** Builds once more what was built, on another input: with the same parameters, and without a say in the running statistics. */
  again(build: () => Value): Value {
    this.#tracksStatistics = false;
    const built = build();
    this.#tracksStatistics = true;
    return built;
  }

  /** Convolution with bias; `name` may hold one '*' that stands for the instance. x (N,I,D,H,W) → (N,out,D',H',W'). */
  convolution(x: Value, name: string, instances: number, options: ConvolutionOptions): Value {
    return this.#convolution(x, name, instances, options, 'none', undefined);
  }

  /** Convolution → BatchNorm → activation. */
  convolutionNorm(
    x: Value,
    name: string,
    normName: string,
    instances: number,
    options: ConvolutionOptions,
    activation: ActivationKind,
  ): Value {
    if (this.mode === 'predict') return this.#convolution(x, name, instances, options, activation, normName);
    return this.batchNorm(this.convolution(x, name, instances, options), normName, instances, activation);
  }

  depthwise(x: Value, name: string, instances: number, kernel: number, dilation: number): Value {
    const { c } = extents(x.type);
    const bound = 1 / Math.sqrt(kernel ** 3);
    const weight = this.#parameter(`${name}.weight`, instances, [c, kernel, kernel, kernel], { kind: 'uniform', bound });
    const bias = this.#parameter(`${name}.bias`, instances, [c], { kind: 'uniform', bound });
    return this.graph.apply('depthwiseConv3d', { kernel, dilation, instances }, [x, weight, bias], name);
  }

  batchNorm(x: Value, name: string, instances: number, activation: ActivationKind): Value {
    const { n, c, d, h, w } = extents(x.type);
    const gamma = this.#parameter(`${name}.weight`, instances, [c], { kind: 'constant', value: 1 });
    const beta = this.#parameter(`${name}.bias`, instances, [c], { kind: 'constant', value: 0 });
    const runningMean = this.#state(`${name}.running_mean`, instances, [c], 0);
    const runningVariance = this.#state(`${name}.running_var`, instances, [c], 1);
    const attributes = { instances, epsilon: NORM_EPSILON, activation };
    if (this.mode !== 'train') return this.graph.apply('batchNormApply', attributes, [x, runningMean, runningVariance, gamma, beta], name);
    const [mean, variance] = this.graph.node('batchNormStatistics', { instances }, [x], name) as [Value, Value];
    if (this.#tracksStatistics) {
      const count = (n / instances) * d * h * w;
      const [nextMean, nextVariance] = this.graph.node(
        'runningStatisticsUpdate',
        { momentum: NORM_MOMENTUM, count },
        [runningMean, runningVariance, mean, variance],
        name,
      ) as [Value, Value];
      this.graph.update(runningMean, nextMean);
      this.graph.update(runningVariance, nextVariance);
    }
    return this.graph.apply('batchNormApply', attributes, [x, mean, variance, gamma, beta], name);
  }

  layerNorm(x: Value, name: string, instances: number): Value {
    const { c } = extents(x.type);
    const gamma = this.#parameter(`${name}.weight`, instances, [c], { kind: 'constant', value: 1 });
    const beta = this.#parameter(`${name}.bias`, instances, [c], { kind: 'constant', value: 0 });
    return this.graph.apply('layerNorm', { instances, epsilon: NORM_EPSILON }, [x, gamma, beta], name);
  }

  /**
   * x times a learned factor for each channel, which begins at `start`. The factors are spread over the voxels as the bias of a convolution whose weights
   * are 0 and stay so, so that no executor needs an operation for it.
   */
  scale(x: Value, name: string, instances: number, start: number): Value {
    const { n, c, d, h, w } = extents(x.type);
    // In training a channel of zeros: through one of x a gradient would flow that is 0 and costs as much as any.
    const one =
      this.mode === 'train'
        ? this.#fixed(`zeros.${n}x${d}x${h}x${w}`, f32(n, 1, d, h, w))
        : this.graph.apply('sliceChannels', { start: 0, count: 1 }, [x], name);
    const nothing = this.#fixed(`zeros.${instances}x${c}`, f32(instances, c, 1, 1, 1, 1));
    const factors = this.#parameter(name, instances, [c], { kind: 'constant', value: start });
    const attributes = { kernel: 1, stride: 1, padding: 0, instances, activation: 'none' } as const;
    const spread = this.graph.apply('conv3d', attributes, [one, nothing, factors], name);
    return this.graph.apply('multiply', {}, [x, spread], name);
  }

  gelu(x: Value, scope: string): Value {
    return this.graph.apply('activation', { kind: 'gelu' }, [x], scope);
  }

  #convolution(
    x: Value,
    name: string,
    instances: number,
    { out, kernel, stride = 1, padding = (kernel - 1) / 2 }: ConvolutionOptions,
    activation: ActivationKind,
    normName: string | undefined,
  ): Value {
    const { c } = extents(x.type);
    const bound = 1 / Math.sqrt(c * kernel ** 3);
    const folded = (part: 'weight' | 'bias'): Partial<ParameterSpec> =>
      normName === undefined
        ? {}
        : {
            foldedNorm: { part, names: instanceNames(normName, instances), convolution: instanceNames(name, instances) },
          };
    const weight = this.#parameter(
      `${name}.weight`,
      instances,
      [out, c, kernel, kernel, kernel],
      { kind: 'uniform', bound },
      folded('weight'),
    );
    const bias = this.#parameter(`${name}.bias`, instances, [out], { kind: 'uniform', bound }, folded('bias'));
    return this.graph.apply('conv3d', { kernel, stride, padding, instances, activation }, [x, weight, bias], name);
  }

  #fixed(name: string, type: TensorType): Value {
    const built = this.#shared.get(name);
    if (built !== undefined) return built;
    const value = this.graph.state(name, type);
    this.#shared.set(name, value);
    this.states.push({ value, names: [name], init: { kind: 'constant', value: 0 }, fixed: true });
    return value;
  }

  #parameter(name: string, instances: number, shape: readonly number[], init: Initialiser, more: Partial<ParameterSpec> = {}): Value {
    const built = this.#shared.get(name);
    if (built !== undefined) return built;
    const value = this.graph.parameter(name, f32(instances, ...shape));
    this.#shared.set(name, value);
    this.parameters.push({ value, names: instanceNames(name, instances), init, ...more });
    return value;
  }

  #state(name: string, instances: number, shape: readonly number[], value: number): Value {
    const built = this.#shared.get(name);
    if (built !== undefined) return built;
    const state = this.graph.state(name, f32(instances, ...shape));
    this.#shared.set(name, state);
    this.states.push({ value: state, names: instanceNames(name, instances), init: { kind: 'constant', value } });
    return state;
  }
}

function instanceNames(pattern: string, instances: number): string[] {
  return Array.from({ length: instances }, (_unused, instance) => pattern.replace('*', String(instance)));
}

/** Elements of one instance of a parameter. */
export function instanceLength({ value, names }: ParameterSpec): number {
  return elementCount(value.type.shape) / names.length;
}
