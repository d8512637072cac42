import { countModel } from '#main/model/counts.ts';
import { variant } from '#main/model/variants.ts';
import { modelInfoRequest, type ModelInfoConfig, type ModelInfoResult } from '../requests/modelInfo.ts';
import type { Task } from '../task.ts';

/** Parameters, multiply-accumulates and activation bytes of a variant. Throws `usage` for an unknown one. */
export const modelInfoTask: Task<ModelInfoConfig, ModelInfoResult> = {
  kind: 'modelInfo',
  parse: modelInfoRequest.parse,
  run: ({ config: { variant: name, classes, channels, block, size, batch } }) =>
    Promise.resolve(countModel(variant(name, classes, channels, block), size, batch)),
};
