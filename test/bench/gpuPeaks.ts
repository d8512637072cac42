/** What a graphics device can do at most, measured: the two lines of a roofline. */
export interface Peaks {
  /** Float32 multiply-adds in registers, two operations each. */
  readonly gigaflops: number;
  /** Reading and writing memory far larger than any cache. */
  readonly gigabytesPerSecond: number;
}

const arithmetic = `
@group(0) @binding(0) var<storage, read_write> m: array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var a = m[id.x]; var b = a + 1.0; var c = a + 2.0; var d = a + 3.0;
  for (var i = 0; i < 1024; i++) {
    a = fma(a, vec4<f32>(0.999), vec4<f32>(0.5)); b = fma(b, vec4<f32>(0.999), vec4<f32>(0.5));
    c = fma(c, vec4<f32>(0.999), vec4<f32>(0.5)); d = fma(d, vec4<f32>(0.999), vec4<f32>(0.5));
  }
  m[id.x] = a + b + c + d;
}`;
const memory = `
@group(0) @binding(0) var<storage, read_write> m: array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { let i = id.x + id.y * 65535u * 256u; if (i < arrayLength(&m)) { m[i] = m[i] + 1.0; } }`;

/** @param scale 1 for a real device; less for a quick look at a slow one */
export async function measurePeaks(device: GPUDevice, scale = 1): Promise<Peaks> {
  const groups = Math.max(1, Math.floor(8192 * scale));
  const bytes = Math.min(device.limits.maxStorageBufferBindingSize, Math.max(1 << 22, Math.floor((1 << 30) * scale))) & ~255;
  const vectors = bytes / 16;
  const across = Math.min(65535, Math.ceil(vectors / 256));
  return {
    gigaflops: (groups * 256 * 1024 * 4 * 4 * 2) / (1e6 * (await best(device, arithmetic, groups * 256 * 16, [groups, 1]))),
    gigabytesPerSecond: (2 * bytes) / (1e6 * (await best(device, memory, bytes, [across, Math.ceil(vectors / 256 / across)]))),
  };
}

async function best(device: GPUDevice, code: string, size: number, [x, y]: readonly [number, number]): Promise<number> {
  const buffer = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  });
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  let milliseconds = Infinity;
  for (let repetition = 0; repetition < 5; repetition++) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let count = 0; count < 4; count++) pass.dispatchWorkgroups(x, y);
    pass.end();
    const started = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    milliseconds = Math.min(milliseconds, (performance.now() - started) / 4);
  }
  buffer.destroy();
  return milliseconds;
}
