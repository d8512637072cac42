import { Random } from '../base/random.ts';

/** A small network for each voxel by itself: layers of weights and offsets with leaky rectifiers between them; the last one says the logarithm of the odds. */
export interface Perceptron {
  /** How many numbers go in, come out of each layer, and at last out: one. */
  readonly sizes: readonly number[];
  /** Of each layer in turn, weights (outputs × inputs) and then offsets. */
  readonly values: Float32Array;
}

/** What a network learns from: `rows` holds the inputs of one voxel after another. */
export interface Lessons {
  readonly rows: Float32Array;
  readonly targets: Uint8Array;
  readonly weights: Float32Array;
}

const leak = 0.1;

export const valuesOf = (sizes: readonly number[]): number =>
  sizes.slice(1).reduce((sum, outputs, layer) => sum + outputs * ((sizes[layer] as number) + 1), 0);

/** So many voxels go through all layers together, as the processor keeps them near. */
const together = 2048;
const nothing = new Float32Array(together);
type Weights = readonly [number, number, number, number];

/** Writes the logarithm of the odds of the voxels at `places`, from channels of one value for each voxel. */
export function oddsBy({ sizes, values }: Perceptron, channels: readonly Float32Array[], places: Int32Array, out: Float32Array): void {
  const [given = [], ...held] = sizes.map((count) => Array.from({ length: count }, () => new Float32Array(together)));
  for (let from = 0; from < places.length; from += together) {
    const count = Math.min(together, places.length - from);
    for (const [m, channel] of channels.entries()) {
      const input = given[m] as Float32Array;
      for (let i = 0; i < count; i++) input[i] = channel[places[from + i] as number] as number;
    }
    let inputs = given;
    let at = 0;
    for (const [layer, outputs] of held.entries()) {
      const isLast = layer === held.length - 1;
      for (const [n, output] of outputs.entries()) {
        output.fill(values[at + outputs.length * inputs.length + n] as number);
        // Four inputs at a time: someone waits, and most of the time goes to reading and writing.
        for (let m = 0; m < inputs.length; m += 4) {
          const [a, b, c, d] = [0, 1, 2, 3].map((k) => inputs[m + k] ?? nothing) as [
            Float32Array,
            Float32Array,
            Float32Array,
            Float32Array,
          ];
          const [wa, wb, wc, wd] = [0, 1, 2, 3].map((k) =>
            m + k < inputs.length ? (values[at + n * inputs.length + m + k] as number) : 0,
          ) as unknown as Weights;
          for (let i = 0; i < count; i++)
            output[i] =
              (output[i] as number) + wa * (a[i] as number) + wb * (b[i] as number) + wc * (c[i] as number) + wd * (d[i] as number);
        }
        if (!isLast) for (let i = 0; i < count; i++) if ((output[i] as number) < 0) output[i] = leak * (output[i] as number);
      }
      at += outputs.length * (inputs.length + 1);
      inputs = outputs;
    }
    const odds = inputs[0] as Float32Array;
    for (let i = 0; i < count; i++) out[places[from + i] as number] = odds[i] as number;
  }
}

const batch = 64;
const rate = 3e-3;
const decay = 0.05;
const [first, second] = [0.9, 0.999];

/** Steps between two looks at what else there is to do. */
const stretch = 200;

/** Adam with a rate that falls along a cosine, `passes` times through all rows. Deterministic. A generator, so that whoever runs it can do something else between its stretches. */
export function* learnPerceptron(
  { rows, targets, weights }: Lessons,
  hidden: readonly number[],
  passes: number,
): Generator<void, Perceptron> {
  const count = targets.length;
  const inputs = rows.length / count;
  const sizes = [inputs, ...hidden, 1];
  const random = new Random(1);
  const { mean, scale } = standardOf(rows, inputs);
  const values = firstValues(sizes, random);
  const [slopes, means, squares] = [0, 1, 2].map(() => new Float32Array(values.length)) as [Float32Array, Float32Array, Float32Array];
  const held = sizes.map((size) => ({ out: new Float32Array(size), slope: new Float32Array(size) }));
  const mass = weights.reduce((sum, weight) => sum + weight, 0) / count;
  const steps = Math.ceil((passes * count) / batch);
  let order: readonly number[] = [];
  let next = 0;
  for (let step = 1; step <= steps; step++) {
    if (step % stretch === 0) yield;
    slopes.fill(0);
    for (let n = 0; n < batch; n++) {
      if (next === order.length) [order, next] = [random.shuffle([...targets.keys()]), 0];
      const row = order[next++] as number;
      const told = (held[0] as (typeof held)[0]).out;
      for (let m = 0; m < inputs; m++) told[m] = ((rows[row * inputs + m] as number) - (mean[m] as number)) * (scale[m] as number);
      addSlopes(sizes, values, held, targets[row] as number, (weights[row] as number) / mass / batch, slopes);
    }
    const now = rate * Math.min(1, step / 100) * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
    const [unfirst, unsecond] = [1 - first ** step, 1 - second ** step];
    for (let at = 0; at < values.length; at++) {
      const slope = slopes[at] as number;
      const own = (means[at] = first * (means[at] as number) + (1 - first) * slope);
      const square = (squares[at] = second * (squares[at] as number) + (1 - second) * slope * slope);
      const value = values[at] as number;
      values[at] = value - now * (own / unfirst / (Math.sqrt(square / unsecond) + 1e-8) + decay * value);
    }
  }
  return { sizes, values: withStandard(values, inputs, sizes[1] as number, mean, scale) };
}

function standardOf(rows: Float32Array, inputs: number): { readonly mean: Float64Array; readonly scale: Float64Array } {
  const [mean, squares] = [new Float64Array(inputs), new Float64Array(inputs)];
  const count = rows.length / inputs;
  for (let at = 0; at < rows.length; at++) {
    const value = rows[at] as number;
    mean[at % inputs] = (mean[at % inputs] as number) + value / count;
    squares[at % inputs] = (squares[at % inputs] as number) + (value * value) / count;
  }
  return { mean, scale: squares.map((square, m) => 1 / Math.sqrt(Math.max(1e-8, square - (mean[m] as number) ** 2))) };
}

function firstValues(sizes: readonly number[], random: Random): Float32Array {
  const values = new Float32Array(valuesOf(sizes));
  let at = 0;
  for (const [layer, outputs] of sizes.slice(1).entries()) {
    const inputs = sizes[layer] as number;
    const isLast = layer === sizes.length - 2;
    for (let n = 0; n < outputs * inputs; n++) values[at + n] = random.normal() * Math.sqrt(2 / inputs) * (isLast ? 0.3 : 1);
    at += outputs * (inputs + 1);
  }
  return values;
}

/** Adds to `slopes` what one voxel says; its inputs are held in the first layer. */
function addSlopes(
  sizes: readonly number[],
  values: Float32Array,
  held: readonly { readonly out: Float32Array; readonly slope: Float32Array }[],
  target: number,
  weight: number,
  slopes: Float32Array,
): void {
  const last = sizes.length - 1;
  let at = 0;
  for (let layer = 0; layer < last; layer++) {
    const [inputs, outputs] = [sizes[layer] as number, sizes[layer + 1] as number];
    const [from, to] = [held[layer]?.out as Float32Array, held[layer + 1]?.out as Float32Array];
    for (let n = 0; n < outputs; n++) {
      let sum = values[at + outputs * inputs + n] as number;
      for (let m = 0; m < inputs; m++) sum += (values[at + n * inputs + m] as number) * (from[m] as number);
      to[n] = layer === last - 1 || sum > 0 ? sum : leak * sum;
    }
    at += outputs * (inputs + 1);
  }
  const end = held[last] as (typeof held)[0];
  end.slope[0] = weight * (1 / (1 + Math.exp(-(end.out[0] as number))) - target);
  for (let layer = last - 1; layer >= 0; layer--) {
    const [inputs, outputs] = [sizes[layer] as number, sizes[layer + 1] as number];
    at -= outputs * (inputs + 1);
    const [from, to] = [held[layer] as (typeof held)[0], held[layer + 1] as (typeof held)[0]];
    from.slope.fill(0);
    for (let n = 0; n < outputs; n++) {
      const slope = to.slope[n] as number;
      const offset = at + outputs * inputs + n;
      slopes[offset] = (slopes[offset] as number) + slope;
      for (let m = 0; m < inputs; m++) {
        const own = at + n * inputs + m;
        slopes[own] = (slopes[own] as number) + slope * (from.out[m] as number);
        from.slope[m] = (from.slope[m] as number) + slope * (values[own] as number);
      }
    }
    for (let m = 0; m < inputs; m++) if ((from.out[m] as number) < 0) from.slope[m] = leak * (from.slope[m] as number);
  }
}

/** The same network for inputs that are not standardised. */
function withStandard(values: Float32Array, inputs: number, outputs: number, mean: Float64Array, scale: Float64Array): Float32Array {
  const own = values.slice();
  for (let n = 0; n < outputs; n++) {
    const offset = outputs * inputs + n;
    for (let m = 0; m < inputs; m++) {
      const weight = (values[n * inputs + m] as number) * (scale[m] as number);
      own[n * inputs + m] = weight;
      own[offset] = (own[offset] as number) - weight * (mean[m] as number);
    }
  }
  return own;
}
