import type { NamedTensor } from '#main/model/safetensors.ts';
import type { Weights } from '#main/model/weights.ts';

/** Steps between two updates of the average: reading the weights back costs about as much as a hundredth of a step. */
export const averageEvery = 8;

/**
 * Exponential moving average of weights and BatchNorm statistics alike, so that they fit together. `steps` is the time constant;
 * at the start the average follows faster, so that the random first weights do not linger.
 */
export class WeightAverage {
  readonly #steps: number;
  #updates: number;
  readonly #sums: Map<string, NamedTensor>;

  /** `start` and `updates` restore what a checkpoint kept. */
  constructor(steps: number, start: Weights, updates = 0) {
    this.#steps = steps;
    this.#updates = updates;
    this.#sums = new Map([...start].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  }

  get updates(): number {
    return this.#updates;
  }

  get weights(): Weights {
    return this.#sums;
  }

  /** To be called every `averageEvery` steps. */
  update(current: Weights): void {
    this.#updates++;
    const keep = Math.min(Math.exp(-averageEvery / this.#steps), this.#updates / (this.#updates + 5));
    for (const [name, { data }] of this.#sums) {
      const now = current.get(name)?.data;
      if (now === undefined) continue;
      for (let at = 0; at < data.length; at++) data[at] = keep * (data[at] as number) + (1 - keep) * (now[at] as number);
    }
  }
}
