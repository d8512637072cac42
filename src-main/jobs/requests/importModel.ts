import * as v from 'valibot';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** nnU-Net result folder. */
  folder: v.string(),
  /** Folds that are averaged; every numbered one where there are none. */
  folds: v.optional(v.array(v.string()), []),
  /** Replace a model of the destination. */
  overwrite: v.optional(v.boolean(), false),
});
export type ImportModelConfig = v.InferOutput<typeof schema>;

export interface ImportModelResult {
  readonly card: ImportedModelCard;
  /** Of one fold. */
  readonly parameters: number;
}

export const importModelRequest = defineRequest<ImportModelResult>()('import', schema);
