/** Compute pipelines by shader text: shapes are uniforms, so that a few dozen pipelines serve a whole network and every plan after it. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #layouts = new Map<number, { readonly bindGroup: GPUBindGroupLayout; readonly pipeline: GPUPipelineLayout }>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get size(): number {
    return this.#pipelines.size;
  }

  /** Layout of a uniform block at 0 and `count` writable storage bindings from 1. */
  layout(count: number): { readonly bindGroup: GPUBindGroupLayout; readonly pipeline: GPUPipelineLayout } {
    const known = this.#layouts.get(count);
    if (known !== undefined) return known;
    const visibility = 4; // GPUShaderStage.COMPUTE
    const storage = Array.from({ length: count }, (_unused, index): GPUBindGroupLayoutEntry => ({
      binding: index + 1,
      visibility,
      buffer: { type: 'storage' },
    }));
    const bindGroup = this.#device.createBindGroupLayout({
      entries: [{ binding: 0, visibility, buffer: { type: 'uniform' } }, ...storage],
    });
    const made = { bindGroup, pipeline: this.#device.createPipelineLayout({ bindGroupLayouts: [bindGroup] }) };
    this.#layouts.set(count, made);
    return made;
  }

  /** Compiled once per text; compilations run side by side. */
  pipeline(source: string, bindings: number, label: string): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(source);
    if (known !== undefined) return known;
    const compiled = this.#device.createComputePipelineAsync({
      label,
      layout: this.layout(bindings).pipeline,
      compute: { module: this.#device.createShaderModule({ label, code: source }), entryPoint: 'main' },
    });
    this.#pipelines.set(source, compiled);
    return compiled;
  }
}
