import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { elementCount } from '#main/engine/tensor/tensorType.ts';
import type { StoredImport, StoredModel } from '../modelFolder.ts';
import { loadWeights } from '../weights.ts';
import { networksOf } from './exportOnnx.ts';

/** The part of an ONNX runtime that is used. */
export interface OnnxRuntime {
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => unknown;
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
    ): Promise<{ run(inputs: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, { readonly data: Float32Array }>>> }>;
  };
}

/** onnxruntime-node or onnxruntime-web where one is installed; this program brings none. */
export async function onnxRuntime(): Promise<OnnxRuntime | undefined> {
  for (const name of ['onnxruntime-node', 'onnxruntime-web']) {
    try {
      const found = (await import(/* @vite-ignore */ name)) as OnnxRuntime & { readonly default?: OnnxRuntime };
      return found.default ?? found;
    } catch {
      // not installed
    }
  }
  return undefined;
}

/** The largest difference between the file's logits and this program's, on a patch of random numbers. */
export async function compareOnnx(runtime: OnnxRuntime, file: Uint8Array, model: StoredModel | StoredImport): Promise<number> {
  const networks = networksOf(model);
  const executor = createCpuExecutor();
  try {
    const random = new Random(1);
    let image: Float32Array | undefined;
    let shape: readonly number[] = [];
    let own: Float32Array | undefined;
    for (const { network, weights } of networks) {
      network.builder.output('logits', network.logits);
      const session = await executor.prepare(makePlan(network.builder.build(), executor));
      shape = network.x.type.shape;
      image ??= Float32Array.from({ length: elementCount(shape) }, () => random.normal());
      await loadWeights(session, network, weights);
      await session.write(network.x, image);
      await session.run();
      const logits = (await session.read(network.logits)) as Float32Array;
      own = own?.map((value, index) => value + (logits[index] ?? 0)) ?? logits;
      session.dispose();
    }
    const session = await runtime.InferenceSession.create(file);
    const { logits } = await session.run({ image: new runtime.Tensor('float32', image ?? new Float32Array(0), shape) });
    return (
      own?.reduce((worst, value, index) => Math.max(worst, Math.abs(value / networks.length - Number(logits?.data[index] ?? NaN))), 0) ??
      Infinity
    );
  } finally {
    executor.dispose();
  }
}
