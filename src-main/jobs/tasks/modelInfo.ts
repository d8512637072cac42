import { countModel, type ModelCounts } from '#main/model/counts.ts';
import { variant } from '#main/model/variants.ts';

export { variantNames } from '#main/model/variants.ts';

/** Parameters, multiply-accumulates and activation bytes of a variant. `size` in voxels along D, H, W. */
export function modelInfo(name: string, classes: number, size: readonly [number, number, number], batch: number): ModelCounts {
  return countModel(variant(name, classes), size, batch);
}
