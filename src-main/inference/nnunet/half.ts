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
