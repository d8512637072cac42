import { resolve } from 'node:path';
import { memorySize } from '#shared/base/bytes.ts';
import { runHere } from '#main/jobs/run.ts';
import { defineCommand, usageError } from '../command.ts';

export const modelExportCommand = defineCommand({
  name: 'model export',
  summary: 'Write a model as one file for other programs (ONNX or safetensors), with its card beside it.',
  positionals: { name: 'MODELDIR', minimum: 1, maximum: 1 },
  options: {
    onnx: { kind: 'text', help: 'ONNX file: batch open, labels and intensity rule in its metadata', value: 'FILE' },
    safetensors: { kind: 'text', help: 'safetensors file, the card in its metadata', value: 'FILE' },
    overwrite: { kind: 'flag', help: 'replace files of the same names' },
  },
  async run(command) {
    const { options, positionals } = command;
    const file = options.onnx ?? options.safetensors;
    if (file === undefined || (options.onnx !== undefined && options.safetensors !== undefined))
      throw usageError('Give either --onnx FILE or --safetensors FILE.');
    const result = await runHere(
      'exportModel',
      {
        model: resolve(positionals[0] ?? '.'),
        format: options.onnx === undefined ? 'safetensors' : 'onnx',
        file: resolve(file),
        overwrite: options.overwrite,
      },
      command,
    );
    const { files, bytes, hash, opset, difference } = result;
    const check =
      opset === null
        ? []
        : [
            `opset              ${opset}`,
            `compared           ${difference === null ? 'no: no ONNX runtime is installed' : `logits differ by at most ${difference.toExponential(1)} from this program's`}`,
          ];
    return { json: { ...result }, text: [`${files.join('\n')}`, `${memorySize(bytes)}, SHA-256 ${hash}`, ...check].join('\n') };
  },
});
