import type { DeviceState } from './deviceState.ts';
import type { Work } from './kernel.ts';

export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  readonly work: Work;
}

/** Bytes moved count as this many operations when work is cut into slices. */
const OPERATIONS_PER_BYTE = 8;
const FIRST_SLICE = 2e9;
/** Drivers reset a device whose one submission takes seconds; far below that, whatever the person asked for. */
const LONGEST_MILLISECONDS = 250;

/** Encodes and submits the dispatches of a plan in slices that take about as long as allowed, learning from the last ones. */
export class Submitter {
  readonly #state: DeviceState;
  readonly #dispatches: readonly Dispatch[];
  readonly #target: number;
  readonly #yields: boolean;
  #sliceWork = FIRST_SLICE;

  constructor(state: DeviceState, dispatches: readonly Dispatch[], sliceMilliseconds: number | undefined) {
    this.#state = state;
    this.#dispatches = dispatches;
    this.#target = Math.min(sliceMilliseconds ?? LONGEST_MILLISECONDS, LONGEST_MILLISECONDS);
    this.#yields = sliceMilliseconds !== undefined;
  }

  /** How many different pipelines a run goes through. */
  get pipelines(): number {
    return new Set(this.#dispatches.map(({ pipeline }) => pipeline)).size;
  }

  /** Submits everything and waits for it. Throws `device` or `out-of-memory` when the device says so. */
  async run(): Promise<void> {
    let pending: Promise<void> | undefined;
    for (let first = 0; first < this.#dispatches.length;) {
      this.#state.throwIfLost();
      const { last, work } = this.#slice(first);
      const started = performance.now();
      this.#submit(this.#dispatches.slice(first, last));
      const done = this.#state.finished();
      // One slice runs while the next is encoded, unless others are to get a turn in between.
      await (this.#yields ? done : pending);
      if (this.#yields) this.#learn(work, performance.now() - started);
      pending = done;
      first = last;
    }
    await pending;
    this.#state.throwIfLost();
  }

  /** Milliseconds of a run in one submission, the average of so many. `which` are the numbers of the dispatches that take part; all unless given. */
  async time(repetitions: number, which?: readonly number[]): Promise<number> {
    const some = which === undefined ? this.#dispatches : this.#dispatches.filter((_dispatch, index) => which.includes(index));
    const started = performance.now();
    this.#submit(Array.from({ length: repetitions }, () => some).flat());
    await this.#state.finished();
    this.#state.throwIfLost();
    return (performance.now() - started) / repetitions;
  }

  #slice(first: number): { readonly last: number; readonly work: number } {
    let work = 0;
    let last = first;
    while (last < this.#dispatches.length && (last === first || work < this.#sliceWork)) {
      const dispatch = this.#dispatches[last++];
      if (dispatch !== undefined) work += dispatch.work.operations + OPERATIONS_PER_BYTE * dispatch.work.bytes;
    }
    return { last, work };
  }

  #learn(work: number, milliseconds: number): void {
    const ideal = (work * this.#target) / Math.max(milliseconds, 0.05);
    this.#sliceWork = Math.min(1e13, Math.max(1e6, 0.7 * this.#sliceWork + 0.3 * ideal));
  }

  #submit(dispatches: readonly Dispatch[]): void {
    const encoder = this.#state.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let pipeline: GPUComputePipeline | undefined;
    for (const dispatch of dispatches) {
      if (dispatch.pipeline !== pipeline) pass.setPipeline(dispatch.pipeline);
      pipeline = dispatch.pipeline;
      pass.setBindGroup(0, dispatch.bindGroup);
      pass.dispatchWorkgroups(...dispatch.workgroups);
    }
    pass.end();
    this.#state.device.queue.submit([encoder.finish()]);
  }
}
