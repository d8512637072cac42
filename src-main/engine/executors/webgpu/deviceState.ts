import { StudioError } from '#shared/base/errors.ts';
import { openDevice, releaseInstance } from './dawn.ts';
import { alignUp } from './kernel.ts';
import { PipelineCache } from './pipelines.ts';
import { outOfMemory } from './session.ts';

/** A device with what has gone wrong on it. */
export class DeviceState {
  readonly device: GPUDevice;
  readonly description: string;
  readonly software: boolean;
  readonly pipelines: PipelineCache;
  /** Whether shaders may combine values over a subgroup, and know which one they are in. */
  readonly subgroups: boolean;
  /** Largest buffer that may be made and bound whole. */
  readonly bindingLimit: number;
  readonly #gpu: GPU;
  #failure: StudioError | undefined;
  #closed = false;

  private constructor(opened: Awaited<ReturnType<typeof openDevice>>, bindingLimit: number) {
    this.device = opened.device;
    this.description = opened.description;
    this.software = opened.software;
    this.#gpu = opened.gpu;
    this.subgroups = opened.device.features.has('subgroups') && opened.gpu.wgslLanguageFeatures.has('subgroup_id');
    this.pipelines = new PipelineCache(opened.device);
    this.bindingLimit = bindingLimit;
    void this.device.lost.then(({ message }) => {
      if (!this.#closed)
        this.#failure = new StudioError(
          'device',
          'The graphics card stopped responding. The work resumes from its last checkpoint with a smaller plan.',
          { detail: message },
        );
    });
    this.device.addEventListener('uncapturederror', ({ error }) => {
      this.#failure ??=
        error.constructor.name === 'GPUOutOfMemoryError'
          ? new StudioError(
              'out-of-memory',
              'The graphics card ran out of memory. Close other programs that use it, or choose a smaller patch, batch or model.',
              { detail: error.message },
            )
          : new StudioError('device', 'The graphics driver refused the work. Update the driver, or use the processor.', {
              detail: error.message,
            });
    });
  }

  /** Opens an adapter. `bindingLimit` caps what the adapter offers (to behave like a smaller one). */
  static async open(adapter: string | undefined, bindingLimit = Infinity): Promise<DeviceState> {
    const opened = await openDevice(adapter);
    const { maxBufferSize, maxStorageBufferBindingSize } = opened.device.limits;
    return new DeviceState(opened, Math.min(bindingLimit, maxBufferSize, maxStorageBufferBindingSize));
  }

  /** Throws what has gone wrong so far. */
  throwIfLost(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed)
      throw new StudioError('internal', 'Something went wrong inside the application.', { detail: 'the device was closed' });
  }

  /** Waits until all submitted work is done. */
  async finished(): Promise<void> {
    try {
      await this.device.queue.onSubmittedWorkDone();
    } catch (error) {
      this.throwIfLost();
      throw error;
    }
  }

  /** Storage buffers of these sizes; buffer `uniform` also serves as uniforms. Throws `out-of-memory`, leaving nothing behind. */
  async allocate(sizes: readonly number[], uniform: number): Promise<GPUBuffer[]> {
    this.throwIfLost();
    const buffers: GPUBuffer[] = [];
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    let thrown: unknown;
    try {
      sizes.forEach((size, index) =>
        buffers.push(
          this.device.createBuffer({
            size,
            usage:
              GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST | (index === uniform ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE),
          }),
        ),
      );
    } catch (error) {
      thrown = error;
    }
    const problems = [await this.device.popErrorScope(), await this.device.popErrorScope()].filter((problem) => problem !== null);
    if (problems.length > 0 || thrown !== undefined) {
      buffers.forEach((buffer) => buffer.destroy());
      throw outOfMemory(sizes.reduce((total, size) => total + size, 0));
    }
    return buffers;
  }

  /** Runs `work` and turns the validation errors of what it made into one `device` error. */
  async checked<T>(work: () => Promise<T>): Promise<T> {
    this.device.pushErrorScope('validation');
    const [result] = await Promise.allSettled([work()]);
    const problem = await this.device.popErrorScope();
    if (problem === null && result.status === 'fulfilled') return result.value;
    const detail = problem?.message ?? (result.status === 'rejected' ? String(result.reason) : '');
    throw new StudioError('device', 'The graphics driver cannot run this network. Update the driver, or use the processor.', { detail });
  }

  /** A copy of part of a buffer. */
  async download(source: GPUBuffer, offset: number, bytes: number): Promise<Uint8Array> {
    this.throwIfLost();
    const size = alignUp(bytes);
    const staging = this.device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    try {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, offset, staging, 0, Math.ceil(bytes / 4) * 4);
      this.device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const copy = new Uint8Array(staging.getMappedRange(0, size)).slice(0, bytes);
      staging.unmap();
      return copy;
    } catch (error) {
      this.throwIfLost();
      throw error;
    } finally {
      staging.destroy();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.device.destroy();
    releaseInstance(this.#gpu);
  }
}
