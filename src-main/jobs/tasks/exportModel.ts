import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { claimOutputs } from '#main/files/outputs.ts';
import { loadNetwork } from '#main/model/modelFolder.ts';
import { cardText } from '#main/model/cardText.ts';
import { encodeOnnx, metadataOf, ONNX_OPSET } from '#main/model/onnx/exportOnnx.ts';
import { onnxRuntime, compareOnnx } from '#main/model/onnx/verifyOnnx.ts';
import { encodeSafetensors } from '#main/model/safetensors.ts';
import { exportModelRequest, type ExportModelConfig, type ExportModelResult } from '../requests/exportModel.ts';
import type { Task, TaskContext } from '../task.ts';

/** An ONNX difference above this is no rounding: the file is not kept. */
const TOLERANCE = 1e-3;

/** A model as one file for other programs, and its card as text beside it. Throws `conflict` where a file would be replaced. */
export const exportModelTask: Task<ExportModelConfig, ExportModelResult> = {
  kind: 'exportModel',
  parse: exportModelRequest.parse,
  run: exportModel,
};

async function exportModel({ config, report }: TaskContext<ExportModelConfig>): Promise<ExportModelResult> {
  const card = `${config.file.replace(/\.(?:onnx|safetensors)$/i, '')}.card.md`;
  await claimOutputs([config.file, card], {
    inputs: [join(config.model, 'model.json'), join(config.model, 'weights.safetensors')],
    overwrite: config.overwrite,
  });
  const model = await loadNetwork(config.model);
  report({ phase: 'Writing the model', fraction: 0.2 });
  const bytes = config.format === 'onnx' ? encodeOnnx(model) : encodeSafetensors(model.weights, { format: 'pt', ...metadataOf(model) });
  let difference: number | null = null;
  if (config.format === 'onnx') {
    report({ phase: 'Comparing with this program’s own results', fraction: 0.5 });
    const runtime = await onnxRuntime();
    difference = runtime === undefined ? null : await compareOnnx(runtime, bytes, model);
    if (difference !== null && !(difference < TOLERANCE))
      throw new StudioError('internal', 'The ONNX file does not compute what the model does, and was not written.', {
        detail: String(difference),
      });
  }
  await mkdir(dirname(config.file), { recursive: true });
  await writeFileAtomically(config.file, bytes);
  await writeFileAtomically(card, cardText(model));
  return {
    files: [config.file, card],
    bytes: bytes.length,
    hash: createHash('sha256').update(bytes).digest('hex'),
    opset: config.format === 'onnx' ? ONNX_OPSET : null,
    difference,
  };
}
