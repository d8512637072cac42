import type { Triple } from '#shared/geometry/grid.ts';
import { gaussianWeights } from './windows.ts';

/**
 * Adds up weighted class probabilities of windows that come in ascending order of k, and turns every plane into classes as soon as no
 * later window can touch it. Memory is classes · window depth · ni · nj floats, however long the volume is.
 */
export class Blending {
  readonly classes: Uint8Array;
  /** Entropy of the blended probabilities relative to its maximum, 0..255; undefined where it was not asked for. */
  readonly uncertainty: Uint8Array | undefined;
  readonly #size: Triple;
  readonly #window: Triple;
  readonly #count: number;
  readonly #depth: number;
  readonly #sums: Float32Array;
  readonly #weights: readonly [Float32Array, Float32Array, Float32Array];
  #finished = 0;

  constructor(size: Triple, window: Triple, classCount: number, withUncertainty: boolean) {
    this.#size = size;
    this.#window = window;
    this.#count = classCount;
    this.#depth = Math.min(size[2], window[2]);
    this.#sums = new Float32Array(classCount * this.#depth * size[0] * size[1]);
    this.#weights = [gaussianWeights(window[0]), gaussianWeights(window[1]), gaussianWeights(window[2])];
    this.classes = new Uint8Array(size[0] * size[1] * size[2]);
    this.uncertainty = withUncertainty ? new Uint8Array(this.classes.length) : undefined;
  }

  /** Probabilities (classes, D, H, W) of the window at `start` (i, j, k; may reach outside), each counted `share` times. */
  add(start: Triple, probabilities: Float32Array, share = 1): void {
    const [ni, nj, nk] = this.#size;
    const [wi, wj, wk] = this.#window;
    const [gi, gj, gk] = this.#weights;
    const i0 = Math.max(0, -start[0]);
    const i1 = Math.min(wi, ni - start[0]);
    for (let c = 0; c < this.#count; c++) {
      for (let k = Math.max(0, -start[2]); k < Math.min(wk, nk - start[2]); k++) {
        for (let j = Math.max(0, -start[1]); j < Math.min(wj, nj - start[1]); j++) {
          const weight = (gk[k] as number) * (gj[j] as number) * share;
          const from = ((c * wk + k) * wj + j) * wi;
          const to = ((c * this.#depth + ((k + start[2]) % this.#depth)) * nj + j + start[1]) * ni + start[0];
          for (let i = i0; i < i1; i++)
            this.#sums[to + i] = (this.#sums[to + i] as number) + weight * (gi[i] as number) * (probabilities[from + i] as number);
        }
      }
    }
  }

  /** No window that begins before plane `k` will come any more: planes below it become final. */
  finishBelow(k: number): void {
    const plane = this.#size[0] * this.#size[1];
    for (; this.#finished < Math.min(k, this.#size[2]); this.#finished++)
      this.#finishPlane(plane, (this.#finished % this.#depth) * plane, this.#finished * plane);
  }

  #finishPlane(plane: number, from: number, to: number): void {
    const stride = this.#depth * plane;
    const largest = Math.log(this.#count);
    for (let at = 0; at < plane; at++) {
      let best = 0;
      let total = 0;
      let bestValue = -1;
      for (let c = 0; c < this.#count; c++) {
        const value = this.#sums[c * stride + from + at] as number;
        total += value;
        if (value > bestValue) [best, bestValue] = [c, value];
      }
      this.classes[to + at] = best;
      if (this.uncertainty === undefined || total <= 0) continue;
      let entropy = 0;
      for (let c = 0; c < this.#count; c++) {
        const p = (this.#sums[c * stride + from + at] as number) / total;
        if (p > 1e-12) entropy -= p * Math.log(p);
      }
      this.uncertainty[to + at] = Math.round((255 * entropy) / largest);
    }
    for (let c = 0; c < this.#count; c++) this.#sums.fill(0, c * stride + from, c * stride + from + plane);
  }
}
