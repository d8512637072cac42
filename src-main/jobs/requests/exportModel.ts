import * as v from 'valibot';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** Model folder. */
  model: v.string(),
  format: v.picklist(['onnx', 'safetensors']),
  /** What is written, with its ending. */
  file: v.string(),
  /** Replace a file of the same name. */
  overwrite: v.optional(v.boolean(), false),
});
export type ExportModelConfig = v.InferOutput<typeof schema>;

export interface ExportModelResult {
  readonly files: readonly string[];
  readonly bytes: number;
  /** SHA-256 of the first file. */
  readonly hash: string;
  /** Of ONNX files. */
  readonly opset: number | null;
  /** ONNX: the largest difference of logits from this program's own, where a runtime to run the file is installed; null where not. */
  readonly difference: number | null;
}

export const exportModelRequest = defineRequest<ExportModelResult>()('export', schema);
