import type { LogitPredictor } from '#main/inference/nnunet/logitWindows.ts';
import type { StoredImport } from '#main/model/modelFolder.ts';
import { encodeOnnx } from '#main/model/onnx/exportOnnx.ts';
import type { OnnxRuntime } from '#main/model/onnx/verifyOnnx.ts';

/** An imported model's ONNX file in place of this program's network. */
export async function onnxPredictor(runtime: OnnxRuntime, model: StoredImport): Promise<LogitPredictor> {
  const { network, pipeline } = model.card;
  const session = await runtime.InferenceSession.create(encodeOnnx(model));
  return {
    heads: network.heads,
    channels: network.inChannels,
    patch: pipeline.patch,
    folds: 1,
    async predict(patch) {
      const image = new runtime.Tensor('float32', patch, [1, network.inChannels, ...pipeline.patch]);
      return (await session.run({ image }))['logits']?.data ?? new Float32Array(0);
    },
    dispose: () => undefined,
  };
}
