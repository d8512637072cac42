import { StudioError } from '#shared/base/errors.ts';
import { elementCount } from '../../tensor/tensorType.ts';
import type { OpAttribute, TensorflowBinding, TensorHandle } from './binding.ts';

export type Tensor = TensorHandle;

const LONG_ROW = 1024;

/** The largest divisor of `extent` that is not above its square root. */
function divisorNearRoot(extent: number): number {
  let divisor = Math.floor(Math.sqrt(extent));
  while (extent % divisor !== 0) divisor--;
  return divisor;
}

/**
 * TensorFlow's eager operations, as far as the kernels need them. Every result belongs to the current scope: `scope` frees all
 * that was made inside it except what it returns.
 */
export class Tensors {
  readonly binding: TensorflowBinding;
  #made: Tensor[] = [];

  constructor(binding: TensorflowBinding) {
    this.binding = binding;
  }

  create(data: Float32Array | Int32Array, shape: readonly number[]): Tensor {
    const dtype = data instanceof Int32Array ? this.binding.TF_INT32 : this.binding.TF_FLOAT;
    return this.#keep({ id: this.binding.createTensor(shape, dtype, data), shape, dtype });
  }

  /** Frees what `work` made, except what it returns. */
  scope(work: () => readonly Tensor[]): readonly Tensor[] {
    const outer = this.#made;
    this.#made = [];
    let kept: readonly Tensor[] = [];
    try {
      kept = work();
      return kept;
    } finally {
      const ids = new Set(kept.map(({ id }) => id));
      for (const { id } of this.#made) if (!ids.has(id)) this.binding.deleteTensor(id);
      this.#made = outer;
    }
  }

  delete(tensor: Tensor): void {
    this.binding.deleteTensor(tensor.id);
  }

  op(name: string, inputs: readonly Tensor[], attributes: readonly OpAttribute[] = [this.type('T')]): Tensor {
    try {
      const [result] = this.binding.executeOp(
        name,
        attributes,
        inputs.map(({ id }) => id),
        1,
      );
      if (result !== undefined) return this.#keep(result);
    } catch (error) {
      const detail = `${name}: ${String(error)}`;
      if (/RESOURCE_EXHAUSTED|OOM|out of memory/i.test(detail))
        throw new StudioError('out-of-memory', 'TensorFlow ran out of memory. Choose a smaller patch, batch or model.', {
          cause: error,
          detail,
        });
      throw new StudioError('device', 'TensorFlow refused an operation of this network. Use another device.', { cause: error, detail });
    }
    throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `${name} has no result` });
  }

  type(name: string, value = this.binding.TF_FLOAT): OpAttribute {
    return { name, type: this.binding.TF_ATTR_TYPE, value };
  }

  ints(name: string, value: readonly number[]): OpAttribute {
    return { name, type: this.binding.TF_ATTR_INT, value };
  }

  text(name: string, value: string): OpAttribute {
    return { name, type: this.binding.TF_ATTR_STRING, value };
  }

  flag(name: string, value: boolean): OpAttribute {
    return { name, type: this.binding.TF_ATTR_BOOL, value };
  }

  /** An int32 vector, as shapes and axes are given to operations. */
  list(...values: readonly number[]): Tensor {
    return this.create(Int32Array.from(values), [values.length]);
  }

  scalar(value: number): Tensor {
    return this.create(Float32Array.of(value), []);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.op('AddV2', [a, b]);
  }
  subtract(a: Tensor, b: Tensor): Tensor {
    return this.op('Sub', [a, b]);
  }
  multiply(a: Tensor, b: Tensor): Tensor {
    return this.op('Mul', [a, b]);
  }
  divide(a: Tensor, b: Tensor): Tensor {
    return this.op('RealDiv', [a, b]);
  }
  scale(a: Tensor, factor: number): Tensor {
    return this.multiply(a, this.scalar(factor));
  }
  shift(a: Tensor, offset: number): Tensor {
    return this.add(a, this.scalar(offset));
  }

  reshape(a: Tensor, ...shape: readonly number[]): Tensor {
    return this.op('Reshape', [a, this.list(...shape)], [this.#typeOf(a), this.type('Tshape', this.binding.TF_INT32)]);
  }

  transpose(a: Tensor, ...axes: readonly number[]): Tensor {
    return this.op('Transpose', [a, this.list(...axes)], [this.#typeOf(a), this.type('Tperm', this.binding.TF_INT32)]);
  }

  /** Sum over axes, which stay with extent 1. */
  sum(a: Tensor, ...axes: readonly number[]): Tensor {
    return this.#reduce('Sum', a, axes);
  }
  mean(a: Tensor, ...axes: readonly number[]): Tensor {
    return this.#reduce('Mean', a, axes);
  }
  largest(a: Tensor, ...axes: readonly number[]): Tensor {
    return this.#reduce('Max', a, axes);
  }

  slice(a: Tensor, begin: readonly number[], size: readonly number[]): Tensor {
    return this.op('Slice', [a, this.list(...begin), this.list(...size)], [this.#typeOf(a), this.type('Index', this.binding.TF_INT32)]);
  }

  /** Zeros around: [before, after] per axis. */
  pad(a: Tensor, paddings: readonly (readonly [number, number])[]): Tensor {
    if (paddings.every(([before, after]) => before === 0 && after === 0)) return a;
    const table = this.create(Int32Array.from(paddings.flat()), [paddings.length, 2]);
    return this.op('Pad', [a, table], [this.#typeOf(a), this.type('Tpaddings', this.binding.TF_INT32)]);
  }

  concat(parts: readonly Tensor[], axis: number): Tensor {
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return first;
    const attributes = [
      this.type('T'),
      this.type('Tidx', this.binding.TF_INT32),
      { name: 'N', type: this.binding.TF_ATTR_INT, value: parts.length },
    ];
    return this.op('ConcatV2', [...parts, this.create(Int32Array.of(axis), [])], attributes);
  }

  reverse(a: Tensor, ...axes: readonly number[]): Tensor {
    return this.op('ReverseV2', [a, this.list(...axes)], [this.type('Tidx', this.binding.TF_INT32), this.#typeOf(a)]);
  }

  /** a > 0 ? positive : other, elementwise. */
  wherePositive(a: Tensor, positive: Tensor, other: Tensor): Tensor {
    return this.op('SelectV2', [this.op('Greater', [a, this.op('ZerosLike', [a])]), positive, other]);
  }

  /** float32 one-hot rows along a new last axis. */
  oneHot(labels: Tensor, depth: number): Tensor {
    const attributes = [
      { name: 'axis', type: this.binding.TF_ATTR_INT, value: -1 },
      this.type('T'),
      this.type('TI', this.binding.TF_INT32),
    ];
    return this.op('OneHot', [labels, this.create(Int32Array.of(depth), []), this.scalar(1), this.scalar(0)], attributes);
  }

  cast(a: Tensor): Tensor {
    return this.op('Cast', [a], [this.type('SrcT', a.dtype), this.type('DstT'), this.flag('Truncate', false)]);
  }

  /** A copy that a caller may keep beyond the tensor it was made of. */
  copy(a: Tensor): Tensor {
    return this.op('AddV2', [a, this.op('ZerosLike', [a])]);
  }

  elements(a: Tensor): number {
    return elementCount(a.shape);
  }

  #reduce(name: string, a: Tensor, axes: readonly number[]): Tensor {
    const last = a.shape.length - 1;
    const extent = a.shape[last] ?? 1;
    // TensorFlow adds long rows with a few running sums, whose rounding shows in gradients: rows of rows are much closer.
    const inner = extent > LONG_ROW && axes.includes(last) ? divisorNearRoot(extent) : 1;
    if (inner > 1) {
      const split = this.reshape(a, ...a.shape.slice(0, last), extent / inner, inner);
      const folded = this.#reduceOnce(name, split, [last + 1]);
      return this.#reduceOnce(name, this.reshape(folded, ...a.shape.slice(0, last), extent / inner), axes);
    }
    return this.#reduceOnce(name, a, axes);
  }

  #reduceOnce(name: string, a: Tensor, axes: readonly number[]): Tensor {
    return this.op(name, [a, this.list(...axes)], [this.type('T'), this.type('Tidx', this.binding.TF_INT32), this.flag('keep_dims', true)]);
  }

  #typeOf(a: Tensor): OpAttribute {
    return this.type('T', a.dtype);
  }

  #keep(tensor: Tensor): Tensor {
    this.#made.push(tensor);
    return tensor;
  }
}
