import { must } from '#shared/base/assert.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { AnyNode, Value } from '#main/engine/graph/graph.ts';
import { LEAKY_SLOPE, type ActivationKind } from '#main/engine/ops/attributes.ts';
import { activation as extents, elementCount } from '#main/engine/tensor/tensorType.ts';
import { initializer, node, type Attribute, type Message } from './protobuf.ts';

/** Nodes and weights of an ONNX graph under construction. Names are unique. */
export class OnnxGraph {
  readonly nodes: Message[] = [];
  readonly initializers: Message[] = [];
  readonly #names = new Map<Value, string>();
  readonly #constants = new Map<string, string>();
  readonly #weights = new Set<string>();
  #next = 0;

  name(value: Value): string {
    return must(this.#names.get(value), `no ONNX value for ${value.name}`);
  }

  setName(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, output = `v${this.#next++}`): string {
    this.nodes.push(node(op, inputs, [output], attributes));
    return output;
  }

  addSplit(input: string, parts: number): string[] {
    if (parts === 1) return [input];
    const outputs = Array.from({ length: parts }, () => `v${this.#next++}`);
    this.nodes.push(node('Split', [input], outputs, { axis: 0, num_outputs: parts }));
    return outputs;
  }

  weight(name: string, shape: readonly number[], data: Float32Array): string {
    // Several nodes may have the same constant.
    if (!this.#weights.has(name)) this.initializers.push(initializer(name, shape, data));
    this.#weights.add(name);
    return name;
  }

  /** A constant of few numbers, made once. */
  constant(values: readonly number[], kind: 'float' | 'integer'): string {
    const key = `${kind} ${values.join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `c${this.#constants.size}`;
    const data = kind === 'float' ? Float32Array.from(values) : BigInt64Array.from(values, BigInt);
    this.initializers.push(initializer(name, values.length === 1 && kind === 'float' ? [] : [values.length], data));
    this.#constants.set(key, name);
    return name;
  }

  reshape(input: string, shape: readonly number[]): string {
    return this.add('Reshape', [input, this.constant(shape, 'integer')]);
  }
}

/** The data of a parameter's instance as they are written into the graph, shape without the instances' axis. */
export type WeightOf = (value: Value, instance: number) => Float32Array;

function activate(graph: OnnxGraph, kind: ActivationKind, x: string): string {
  switch (kind) {
    case 'none':
      return x;
    case 'relu':
      return graph.add('Relu', [x]);
    case 'leakyRelu':
      return graph.add('LeakyRelu', [x], { alpha: { float: LEAKY_SLOPE } });
    case 'gelu': {
      const erf = graph.add('Erf', [graph.add('Mul', [x, graph.constant([Math.SQRT1_2], 'float')])]);
      const factor = graph.add('Add', [erf, graph.constant([1], 'float')]);
      return graph.add('Mul', [graph.add('Mul', [x, graph.constant([0.5], 'float')]), factor]);
    }
  }
}

/** Both sides of three axes. */
const pads = (padding: readonly number[]): readonly number[] => [...padding, ...padding];
const cube = (extent: number): readonly number[] => [extent, extent, extent];

/**
 * Adds an operation of a forward graph. Batches stay open: (instances · batch, C, D, H, W) is split along its first axis where weights differ by
 * instance. Throws `unsupported` for operations that only training has.
 */
export function lowerNode(graph: OnnxGraph, op: AnyNode, weightOf: WeightOf, prefix: string): void {
  const output = must(op.outputs[0], 'output');
  const input = (index: number): string => graph.name(must(op.inputs[index], 'input'));
  const parameter = (index: number, instance: number, shape?: readonly number[]): string => {
    const value = must(op.inputs[index], 'parameter');
    const data = weightOf(value, instance);
    return graph.weight(`${prefix}${value.name}${instance === 0 ? '' : `#${instance}`}`, shape ?? value.type.shape.slice(1), data);
  };
  const perInstance = (instances: number, each: (x: string, instance: number) => string): string => {
    const parts = graph.addSplit(input(0), instances).map(each);
    return parts.length === 1 ? must(parts[0], 'part') : graph.add('Concat', parts, { axis: 0 });
  };
  graph.setName(output, lowered());

  function lowered(): string {
    switch (op.op) {
      case 'conv3d': {
        const { kernel, stride, padding, instances, activation } = op.attributes;
        const attributes = { kernel_shape: cube(kernel), strides: cube(stride), pads: pads(cube(padding)) };
        return activate(
          graph,
          activation,
          perInstance(instances, (x, instance) => graph.add('Conv', [x, parameter(1, instance), parameter(2, instance)], attributes)),
        );
      }
      case 'boxConv3d': {
        const { kernel, stride, padding, activation } = op.attributes;
        const weights = op.inputs.slice(1).map((_value, index) => parameter(index + 1, 0));
        return activate(
          graph,
          activation,
          graph.add('Conv', [input(0), ...weights], { kernel_shape: kernel, strides: stride, pads: pads(padding) }),
        );
      }
      case 'transposedConv3d': {
        const { stride } = op.attributes;
        const weights = op.inputs.slice(1).map((_value, index) => parameter(index + 1, 0));
        return graph.add('ConvTranspose', [input(0), ...weights], { kernel_shape: stride, strides: stride });
      }
      case 'depthwiseConv3d': {
        const { kernel, dilation, instances } = op.attributes;
        const { c } = extents(output.type);
        const attributes = {
          group: c,
          kernel_shape: cube(kernel),
          dilations: cube(dilation),
          pads: pads(cube((dilation * (kernel - 1)) / 2)),
        };
        const shape = [c, 1, ...cube(kernel)];
        return perInstance(instances, (x, instance) =>
          graph.add('Conv', [x, parameter(1, instance, shape), parameter(2, instance)], attributes),
        );
      }
      case 'batchNormApply': {
        const { instances, epsilon, activation } = op.attributes;
        return activate(
          graph,
          activation,
          perInstance(instances, (x, instance) =>
            graph.add('BatchNormalization', [x, ...[3, 4, 1, 2].map((index) => parameter(index, instance))], {
              epsilon: { float: epsilon },
            }),
          ),
        );
      }
      case 'instanceNorm': {
        const { epsilon, activation } = op.attributes;
        return activate(
          graph,
          activation,
          graph.add('InstanceNormalization', [input(0), parameter(1, 0), parameter(2, 0)], { epsilon: { float: epsilon } }),
        );
      }
      case 'layerNorm': {
        const { instances, epsilon } = op.attributes;
        return perInstance(instances, (x, instance) => {
          const last = graph.add('Transpose', [x], { perm: [0, 2, 3, 4, 1] });
          const normalised = graph.add('LayerNormalization', [last, parameter(1, instance), parameter(2, instance)], {
            axis: -1,
            epsilon: { float: epsilon },
          });
          return graph.add('Transpose', [normalised], { perm: [0, 4, 1, 2, 3] });
        });
      }
      case 'activation':
        return activate(graph, op.attributes.kind, input(0));
      case 'add':
        return graph.add('Add', [input(0), input(1)]);
      case 'multiply':
        return graph.add('Mul', [input(0), input(1)]);
      case 'averagePool3d':
        return graph.add('AveragePool', [input(0)], { kernel_shape: op.attributes.kernel, strides: op.attributes.kernel });
      case 'upsample2':
        return graph.add('Resize', [input(0), '', graph.constant([1, 1, 2, 2, 2], 'float')], {
          mode: 'linear',
          coordinate_transformation_mode: 'half_pixel',
        });
      case 'concatChannels':
        return graph.add('Concat', [input(0), input(1)], { axis: 1 });
      case 'cubeSplit': {
        const { split } = op.attributes;
        const { c, d, h, w } = extents(must(op.inputs[0], 'input').type);
        const cubes = graph.reshape(input(0), [-1, c, split, d / split, split, h / split, split, w / split]);
        return graph.reshape(graph.add('Transpose', [cubes], { perm: [2, 4, 6, 0, 1, 3, 5, 7] }), [-1, c, d / split, h / split, w / split]);
      }
      case 'cubeMerge': {
        const { split } = op.attributes;
        const { c, d, h, w } = extents(output.type);
        const cubes = graph.reshape(input(0), [split, split, split, -1, c, d / split, h / split, w / split]);
        return graph.reshape(graph.add('Transpose', [cubes], { perm: [3, 4, 0, 5, 1, 6, 2, 7] }), [-1, c, d, h, w]);
      }
      case 'softmax':
        return graph.add('Softmax', [input(0)], { axis: 1 });
      case 'sliceChannels': {
        const { start, count } = op.attributes;
        return graph.add('Slice', [input(0), ...[start, start + count, 1].map((value) => graph.constant([value], 'integer'))]);
      }
      default:
        throw new StudioError('unsupported', 'This network has an operation that ONNX files cannot hold here.', { detail: op.op });
    }
  }
}

/** One instance's share of a parameter. */
export function instanceOf(data: Float32Array, value: Value, instance: number): Float32Array {
  const [instances = 1] = value.type.shape;
  const length = elementCount(value.type.shape) / instances;
  return data.subarray(instance * length, (instance + 1) * length);
}
