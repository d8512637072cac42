import { StudioError } from '#shared/base/errors.ts';
import type { ActivationKind, OpAttributes, OpKind } from '../../ops/attributes.ts';

/** Names of an operation's attributes in the order in which its kernels read them. */
interface Encoding<K extends OpKind> {
  readonly integers?: readonly (keyof OpAttributes[K])[];
  readonly reals?: readonly (keyof OpAttributes[K])[];
}

/** Every operation's attribute order. Exhaustive. What native/step.h says must be the same, which is checked when the addon loads. */
export const encodings: { readonly [K in OpKind]: Encoding<K> } = {
  conv3d: { integers: ['kernel', 'stride', 'padding', 'instances', 'activation'] },
  conv3dGradInput: { integers: ['kernel', 'stride', 'padding', 'instances'] },
  conv3dGradWeight: { integers: ['kernel', 'stride', 'padding', 'instances'] },
  boxConv3d: { integers: ['kernel', 'stride', 'padding', 'activation'] },
  boxConv3dGradInput: { integers: ['kernel', 'stride', 'padding'] },
  boxConv3dGradWeight: { integers: ['kernel', 'stride', 'padding'] },
  transposedConv3d: { integers: ['stride'] },
  transposedConv3dGradWeight: { integers: ['stride'] },
  depthwiseConv3d: { integers: ['kernel', 'dilation', 'instances'] },
  depthwiseConv3dGradInput: { integers: ['kernel', 'dilation', 'instances'] },
  depthwiseConv3dGradWeight: { integers: ['kernel', 'dilation', 'instances'] },
  batchNormStatistics: { integers: ['instances'] },
  batchNormApply: { integers: ['instances', 'activation'], reals: ['epsilon'] },
  batchNormGradStatistics: { integers: ['instances', 'activation'], reals: ['epsilon'] },
  batchNormGradInput: { integers: ['instances', 'activation'], reals: ['epsilon'] },
  runningStatisticsUpdate: { integers: ['count'], reals: ['momentum'] },
  instanceNorm: { integers: ['activation'], reals: ['epsilon'] },
  instanceNormGrad: { integers: ['activation'], reals: ['epsilon'] },
  layerNorm: { integers: ['instances'], reals: ['epsilon'] },
  layerNormGrad: { integers: ['instances'], reals: ['epsilon'] },
  activation: { integers: ['kind'] },
  activationGrad: { integers: ['kind'] },
  add: {},
  multiply: {},
  upsample2: {},
  upsample2Grad: {},
  averagePool3d: { integers: ['kernel'] },
  averagePool3dGrad: { integers: ['kernel'] },
  concatChannels: {},
  sliceChannels: { integers: ['start', 'count'] },
  cubeSplit: { integers: ['split'] },
  cubeMerge: { integers: ['split'] },
  permute: { integers: ['axes'] },
  softmax: {},
  diceCrossEntropy: { integers: ['overBatch', 'inside'], reals: ['diceWeight', 'crossEntropyWeight', 'epsilon', 'classWeights'] },
  diceCrossEntropyGrad: { integers: ['overBatch', 'inside'], reals: ['diceWeight', 'crossEntropyWeight', 'epsilon', 'classWeights'] },
  pseudoLabelLoss: { reals: ['temperature'] },
  pseudoLabelLossGrad: { reals: ['temperature'] },
  gradientNorm: {},
  adamW: { reals: ['beta1', 'beta2', 'epsilon', 'weightDecay'] },
};

/** As the addon lists it: attribute names separated by spaces. */
export interface NativeOperation {
  readonly name: string;
  readonly integers: string;
  readonly reals: string;
}

export interface NativeTables {
  /** In the order of their numbers. */
  readonly operations: readonly NativeOperation[];
  /** Kinds of activation, in the order of their numbers. */
  readonly activations: readonly string[];
}

const knownActivations: Readonly<Record<ActivationKind, true>> = { none: true, relu: true, leakyRelu: true, gelu: true };

/** Throws `device` where the addon knows other operations, attributes or orders of them than this program. */
export function checkTables({ operations, activations }: NativeTables): void {
  const line = ({ name, integers, reals }: NativeOperation): string => `${name}(${integers}; ${reals})`;
  const own: Readonly<Record<string, { readonly integers?: readonly string[]; readonly reals?: readonly string[] }>> = encodings;
  const expected = Object.entries(own).map(([name, { integers = [], reals = [] }]) =>
    line({ name, integers: integers.join(' '), reals: reals.join(' ') }),
  );
  const found = operations.map(line);
  const differences = [...expected.filter((one) => !found.includes(one)), ...found.filter((one) => !expected.includes(one))];
  if (activations.toSorted().join() !== Object.keys(knownActivations).sort().join()) differences.push(`activations ${activations.join()}`);
  if (differences.length === 0) return;
  throw new StudioError('device', 'The native engine is of another version than this program. Run "npm run bootstrap" to build it again.', {
    detail: differences.join(', '),
  });
}

/** A step's operation and attributes as numbers of the addon's. */
export function encode<K extends OpKind>(
  op: K,
  attributes: OpAttributes[K],
  { operations, activations }: NativeTables,
): { readonly code: number; readonly integers: readonly number[]; readonly reals: readonly number[] } {
  const { integers = [], reals = [] }: Encoding<K> = encodings[op];
  const numbers = (name: keyof OpAttributes[K]): readonly number[] => {
    const value: unknown = attributes[name];
    if (Array.isArray(value)) return value as number[];
    return [typeof value === 'string' ? activations.indexOf(value) : Number(value)];
  };
  return {
    code: operations.findIndex(({ name }) => name === op),
    integers: integers.flatMap(numbers),
    reals: reals.flatMap(numbers),
  };
}
