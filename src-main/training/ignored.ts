import { SETTLED } from '#main/model/trainingStep.ts';
import { IGNORED_CLASS } from './patches/caseFile.ts';

/** Marks the voxels that do not count, for a loss that has `SETTLED` added to their background; of the buffer the background alone ever changes. */
export class Settled {
  readonly #classes: number;
  readonly #voxels: number;
  /** (batch, classes, voxels) */
  readonly marks: Float32Array;

  constructor(batch: number, classes: number, voxels: number) {
    this.#classes = classes;
    this.#voxels = voxels;
    this.marks = new Float32Array(batch * classes * voxels);
  }

  /** `counts(at)`: whether voxel `at` of the batch does. The label of one that does not becomes 0, as the loss expects. */
  mark(label: Int32Array, counts: (at: number) => boolean): void {
    for (let at = 0; at < label.length; at++) {
      const counted = counts(at);
      this.marks[Math.floor(at / this.#voxels) * this.#classes * this.#voxels + (at % this.#voxels)] = counted ? 0 : SETTLED;
      if (!counted) label[at] = 0;
    }
  }
}

/** Class indices as targets, and what a loss that is `ignoring` needs beside them. */
export function withoutIgnored(classes: Int32Array, settled: Settled): { readonly label: Int32Array; readonly ignored: Float32Array } {
  const label = classes.slice();
  settled.mark(label, (at) => classes[at] !== IGNORED_CLASS);
  return { label, ignored: settled.marks };
}
