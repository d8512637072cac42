import type { NamedTensor } from '#main/model/safetensors.ts';

const START = 2 ** 16;
const LARGEST = 2 ** 24;
/** Steps without overflow after which a larger factor is tried. */
const PATIENCE = 500;

/**
 * What the loss is multiplied by before it is differentiated, so that gradients stored as float16 neither vanish nor overflow, and divided
 * by again, in float32, before norm, clipping and AdamW (Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2). A power of
 * two, so that it changes no float32 number.
 */
export class LossScale {
  #factor = START;
  #good = 0;

  get factor(): number {
    return this.#factor;
  }

  /**
   * Takes note of whether the gradients of a step were finite. Returns whether the step stands: one that overflowed changed no weight and is
   * to be repeated at half the factor, until there is nothing left to halve.
   */
  stands(finite: boolean): boolean {
    if (!finite) {
      this.#good = 0;
      if (this.#factor === 1) return true;
      this.#factor /= 2;
      return false;
    }
    if (++this.#good === PATIENCE) {
      this.#good = 0;
      this.#factor = Math.min(LARGEST, this.#factor * 2);
    }
    return true;
  }

  /** For a checkpoint. */
  get state(): NamedTensor {
    return { shape: [2], data: Float32Array.of(this.#factor, this.#good) };
  }

  /** Goes on from what `state` gave; from the start where there is none. */
  restore(state: NamedTensor | undefined): void {
    [this.#factor, this.#good] = [Number(state?.data[0] ?? START), Number(state?.data[1] ?? 0)];
  }
}
