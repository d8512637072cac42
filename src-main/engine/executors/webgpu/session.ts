import { must } from '#shared/base/assert.ts';
import { memorySize } from '#shared/base/bytes.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Value } from '../../graph/graph.ts';
import type { Plan } from '../../plan/plan.ts';
import { byteCount, type HostData } from '../../tensor/tensorType.ts';
import type { Session } from '../executor.ts';
import { HostDataRules } from '../hostData.ts';
import type { DeviceState } from './deviceState.ts';
import { alignUp, type Kernel, type Operand } from './kernel.ts';
import type { Rates, WorkgroupLimits } from './kernels/candidates.ts';
import { MemoryLayout, rangeOf, type Range } from './memory.ts';
import { fromHalf, toHalf } from './half.ts';
import { lowerPlan, type Program } from './program.ts';
import { Submitter, type Dispatch } from './submitter.ts';
import { assemble, uniformData } from './wgsl.ts';

export interface SessionOptions {
  readonly rates: Rates;
  /** Whether sums over a workgroup go by subgroups. */
  readonly subgroups: boolean;
  /** Longest stretch of GPU work between two chances for other programs, milliseconds; undefined for the driver's own pace. */
  readonly sliceMilliseconds: number | undefined;
}

/** Buffers, pipelines and bind groups of one plan, made once; a run only encodes and submits. */
export class WebgpuSession implements Session {
  readonly program: Program;
  readonly bytes: number;
  readonly #state: DeviceState;
  readonly #rules: HostDataRules;
  readonly #layout: MemoryLayout;
  readonly #buffers: GPUBuffer[];
  readonly #submitter: Submitter;

  private constructor(
    rules: HostDataRules,
    state: DeviceState,
    program: Program,
    layout: MemoryLayout,
    buffers: GPUBuffer[],
    submitter: Submitter,
  ) {
    this.#rules = rules;
    this.#state = state;
    this.program = program;
    this.#layout = layout;
    this.#buffers = buffers;
    this.#submitter = submitter;
    this.bytes = layout.buffers.reduce((total, bytes) => total + bytes, 0);
  }

  /** Throws `out-of-memory` when the buffers do not fit, `device` when the device was lost or a kernel does not compile. */
  static async create(state: DeviceState, plan: Plan, { rates, subgroups, sliceMilliseconds }: SessionOptions): Promise<WebgpuSession> {
    const { device } = state;
    const layout = new MemoryLayout(plan, state.bindingLimit);
    const program = lowerPlan(plan, {
      pageOf: (value) => layout.pageOf(value),
      rates,
      workgroup: workgroupLimits(device),
      subgroups,
      maxBindings: device.limits.maxStorageBuffersPerShaderStage,
      maxScratch: maxScratch(state.bindingLimit),
    });
    if (program.scratchBytes > state.bindingLimit) throw outOfMemory(program.scratchBytes);
    const scratch = layout.addBuffer(program.scratchBytes);
    const tables = new ConstantPool(layout.buffers.length);
    const uniforms = new ConstantPool(layout.buffers.length + 1);
    const ready = program.kernels.map((kernel) =>
      prepareKernel(kernel, uniforms, (operand) => layout.rangesOfOperand(operand, scratch, (data) => tables.add(data))),
    );
    layout.addBuffer(tables.bytes);
    layout.addBuffer(uniforms.bytes);
    const buffers = await state.allocate(layout.buffers, uniforms.buffer);
    try {
      tables.upload(device, must(buffers[tables.buffer], 'tables'));
      uniforms.upload(device, must(buffers[uniforms.buffer], 'uniforms'));
      const dispatches = await state.checked(() => Promise.all(ready.map((kernel) => bind(state, kernel, buffers))));
      return new WebgpuSession(
        new HostDataRules(plan.graph),
        state,
        program,
        layout,
        buffers,
        new Submitter(state, dispatches, sliceMilliseconds),
      );
    } catch (error) {
      buffers.forEach((buffer) => buffer.destroy());
      throw error;
    }
  }

  async write(value: Value, data: HostData): Promise<void> {
    this.#state.throwIfLost();
    this.#rules.check(value, data);
    const stored = value.type.element === 'f16' ? toHalf(data) : data;
    let at = 0;
    for (const { buffer, offset, bytes } of this.#layout.rangesOf(value)) {
      const part = Math.min(bytes, stored.byteLength - at);
      if (part > 0)
        this.#state.device.queue.writeBuffer(must(this.#buffers[buffer], 'buffer'), offset, stored.buffer, stored.byteOffset + at, part);
      at += bytes;
    }
    await Promise.resolve();
  }

  /** How many different pipelines a run goes through. */
  get pipelines(): number {
    return this.#submitter.pipelines;
  }

  run(): Promise<void> {
    return this.#submitter.run();
  }

  async read(value: Value): Promise<HostData> {
    const bytes = new Uint8Array(byteCount(value.type));
    let at = 0;
    for (const range of this.#layout.rangesOf(value)) {
      const part = Math.min(range.bytes, bytes.length - at);
      if (part > 0) bytes.set(await this.#state.download(must(this.#buffers[range.buffer], 'buffer'), range.offset, part), at);
      at += range.bytes;
    }
    switch (value.type.element) {
      case 'i32':
        return new Int32Array(bytes.buffer);
      case 'f32':
        return new Float32Array(bytes.buffer);
      case 'f16':
        return fromHalf(bytes);
    }
  }

  /** Milliseconds of a run in one submission, the average of so many; of the kernels with these numbers where they are given. For measurements. */
  time(repetitions: number, kernels?: readonly number[]): Promise<number> {
    return this.#submitter.time(repetitions, kernels);
  }

  dispose(): void {
    this.#buffers.splice(0).forEach((buffer) => buffer.destroy());
  }
}

/** What a workgroup may have on a device. */
export function workgroupLimits({ limits }: GPUDevice): WorkgroupLimits {
  return { bytes: limits.maxComputeWorkgroupStorageSize, threads: limits.maxComputeInvocationsPerWorkgroup };
}

/** Float32 elements of scratch that a step may take: enough to split the largest products, never more than a binding. */
export function maxScratch(bindingLimit: number): number {
  return Math.min(16 << 20, Math.floor(bindingLimit / 4));
}

/** Constants packed into one buffer, each at a bindable offset. */
class ConstantPool {
  readonly buffer: number;
  readonly #parts: { readonly offset: number; readonly data: Uint8Array }[] = [];
  #used = 0;

  constructor(buffer: number) {
    this.buffer = buffer;
  }

  get bytes(): number {
    return this.#used;
  }

  add(data: Uint32Array | Uint8Array): Range {
    const range = rangeOf(this.buffer, this.#used, alignUp(data.byteLength));
    this.#parts.push({ offset: this.#used, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    this.#used += range.bytes;
    return range;
  }

  upload(device: GPUDevice, buffer: GPUBuffer): void {
    const all = new Uint8Array(this.#used);
    for (const { offset, data } of this.#parts) all.set(data, offset);
    device.queue.writeBuffer(buffer, 0, all);
  }
}

interface ReadyKernel {
  readonly kernel: Kernel;
  readonly source: string;
  readonly ranges: readonly Range[];
  readonly uniforms: Range;
}

function prepareKernel(kernel: Kernel, uniforms: ConstantPool, rangesOf: (operand: Operand) => Range[]): ReadyKernel {
  const ranges = new Map<string, Range>();
  const { source, bindings } = assemble(kernel, (operand) => {
    const pieces = rangesOf(operand);
    pieces.forEach((piece) => ranges.set(piece.key, piece));
    return pieces;
  });
  return { kernel, source, ranges: bindings.map((key) => must(ranges.get(key), 'binding')), uniforms: uniforms.add(uniformData(kernel)) };
}

async function bind(
  state: DeviceState,
  { kernel, source, ranges, uniforms }: ReadyKernel,
  buffers: readonly GPUBuffer[],
): Promise<Dispatch> {
  const resource = ({ buffer, offset, bytes }: Range): GPUBufferBinding => ({
    buffer: must(buffers[buffer], 'buffer'),
    offset,
    size: bytes,
  });
  const bindGroup = state.device.createBindGroup({
    label: kernel.name,
    layout: state.pipelines.layout(ranges.length).bindGroup,
    entries: [uniforms, ...ranges].map((range, binding) => ({ binding, resource: resource(range) })),
  });
  return {
    pipeline: await state.pipelines.pipeline(source, ranges.length, kernel.name),
    bindGroup,
    workgroups: kernel.workgroups,
    work: kernel.work,
  };
}

export function outOfMemory(bytes: number): StudioError {
  return new StudioError(
    'out-of-memory',
    `The graphics card has no room for ${memorySize(bytes, 2)}. Close other programs that use it, or choose a smaller patch, batch or model.`,
  );
}
