/** The nearest number of half precision (IEEE 754, ties to even), 0 … 65504. */
export function toHalf(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.max(-14, Math.floor(Math.log2(value)));
  const unit = 2 ** (exponent - 10);
  const scaled = value / unit;
  const below = Math.floor(scaled);
  const rest = scaled - below;
  const rounded = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  return rounded * unit;
}

/** Below this, half precision has a fixed step of 2⁻²⁴; the bits of 2⁻¹⁴ as float32. */
const SMALLEST_NORMAL = 0x38800000;

/** Every number of half precision, by its bits. */
let numbers: Float32Array | undefined;
function numbersOfHalf(): Float32Array {
  numbers ??= Float32Array.from({ length: 2 ** 16 }, (_unused, bits) => {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return bits >= 2 ** 15 ? -size : size;
  });
  return numbers;
}

/** Sums in half precision in two bytes each: what is added is rounded to the nearest number, ties to even; up to 65504. */
export class HalfSums {
  readonly #bits: Uint16Array;
  readonly #numbers = numbersOfHalf();
  readonly #line: Float32Array;
  readonly #lineBits: Uint32Array;

  /** `longest`: of what is added at a time. */
  constructor(length: number, longest: number) {
    this.#bits = new Uint16Array(length);
    this.#line = new Float32Array(longest);
    this.#lineBits = new Uint32Array(this.#line.buffer);
  }

  /** Adds weight · value · share to `count` sums from `to` on. */
  add(to: number, count: number, weights: Float32Array, weightsAt: number, values: Float32Array, from: number, share: number): void {
    const [bits, known, line, lineBits] = [this.#bits, this.#numbers, this.#line, this.#lineBits];
    for (let w = 0; w < count; w++)
      line[w] =
        (known[bits[to + w] as number] as number) + Math.fround((weights[weightsAt + w] as number) * (values[from + w] as number) * share);
    for (let w = 0; w < count; w++) {
      const own = lineBits[w] as number;
      const size = own & 0x7fffffff;
      if (size >= SMALLEST_NORMAL) bits[to + w] = ((own >>> 16) & 0x8000) | ((size + 0xfff + ((size >> 13) & 1) - 0x38000000) >> 13);
      else {
        // float32 has the fixed step of small halves from a half to 1.
        line[w] = 0.5 + Math.abs(line[w] as number);
        bits[to + w] = ((own >>> 16) & 0x8000) | ((lineBits[w] as number) - 0x3f000000);
      }
    }
  }

  read(at: number): number {
    return this.#numbers[this.#bits[at] as number] as number;
  }

  clear(from: number, to: number): void {
    this.#bits.fill(0, from, to);
  }
}

/** The same in float32. */
export class FloatSums {
  readonly #sums: Float32Array;

  constructor(length: number) {
    this.#sums = new Float32Array(length);
  }

  add(to: number, count: number, weights: Float32Array, weightsAt: number, values: Float32Array, from: number, share: number): void {
    const sums = this.#sums;
    for (let w = 0; w < count; w++)
      sums[to + w] = (sums[to + w] as number) + Math.fround((weights[weightsAt + w] as number) * (values[from + w] as number) * share);
  }

  read(at: number): number {
    return this.#sums[at] as number;
  }

  clear(from: number, to: number): void {
    this.#sums.fill(0, from, to);
  }
}

/** Numbers of which a part can be rounded in place to the nearest ones of half precision, ties to even; up to 65504. */
export class HalfRounding {
  readonly values: Float32Array;
  readonly #bits: Uint32Array;

  constructor(values: Float32Array) {
    this.values = values;
    this.#bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  }

  round(from = 0, to = this.values.length): void {
    const bits = this.#bits;
    for (let at = from; at < to; at++) {
      const own = bits[at] as number;
      if ((own & 0x7fffffff) >= SMALLEST_NORMAL) bits[at] = (own + 0xfff + ((own >> 13) & 1)) & ~0x1fff;
      // float32 has this step just below 1.
      else this.values[at] = Math.fround((this.values[at] as number) + 0.75) - 0.75;
    }
  }
}
