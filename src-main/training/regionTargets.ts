import { SETTLED } from '#main/model/trainingStep.ts';
import { IGNORED_CLASS } from './patches/caseFile.ts';
import type { StepInputs } from './trainingNetwork.ts';

/** Classes of voxels as what a loss of regions learns from: for each region whether it holds the voxel. */
export class RegionTargets {
  readonly #holds: readonly Uint8Array[];
  readonly #regions: readonly Int32Array[];
  readonly #outside: Float32Array;

  /** `regions`: the classes that each holds. `voxels`: of the whole batch. */
  constructor(regions: readonly (readonly number[])[], voxels: number) {
    this.#holds = regions.map((members) => Uint8Array.from({ length: 256 }, (_unused, value) => (members.includes(value) ? 1 : 0)));
    this.#regions = regions.map(() => new Int32Array(voxels));
    this.#outside = new Float32Array(voxels);
  }

  /** Valid until the next call. */
  of(classes: Int32Array): Required<Pick<StepInputs, 'regions' | 'outside'>> {
    for (let at = 0; at < classes.length; at++) this.#outside[at] = classes[at] === IGNORED_CLASS ? SETTLED : 0;
    this.#regions.forEach((region, index) => {
      const holds = this.#holds[index] as Uint8Array;
      for (let at = 0; at < classes.length; at++) region[at] = holds[classes[at] as number] as number;
    });
    return { regions: this.#regions, outside: this.#outside };
  }
}
