import * as v from 'valibot';
import { blockNames } from '#shared/domain/modelCard.ts';
import { triple } from './fields.ts';
import { defineRequest } from './request.ts';

/** `classes`: background included; `channels`: of the input. `size`: voxels along D, H, W. */
const schema = v.object({
  variant: v.string(),
  classes: v.number(),
  channels: v.optional(v.number(), 1),
  block: v.optional(v.picklist(blockNames), 'literal'),
  size: triple,
  batch: v.number(),
});
export type ModelInfoConfig = v.InferOutput<typeof schema>;

export interface ModelInfoResult {
  readonly parameters: number;
  /** Multiply-accumulates of all convolutions in one forward pass, without bias. */
  readonly macs: number;
  /** 1e9 operations as `thop` counts them: `macs` plus 4 per element of each affine norm. */
  readonly thopGiga: number;
  /** Bytes of intermediates in a training step of this batch, planned with float32 and without recomputation. */
  readonly activationBytes: number;
}

export const modelInfoRequest = defineRequest<ModelInfoResult>()('count', schema);
