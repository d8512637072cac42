import type { Augmentation } from '#shared/domain/trainConfig.ts';
import type { PatchPredictor } from '#main/inference/slidingWindow.ts';
import { IGNORED_CLASS } from './patches/caseFile.ts';
import { BatchMaker, emptyBatch, type BatchSpecification } from './patches/batches.ts';

const unchanged: Augmentation = {
  rotation: 0,
  scale: 1,
  elastic: 0,
  spatialShare: 0,
  shift: 0,
  gain: 1,
  offset: 0,
  gamma: 1,
  noise: 0,
  mirror: false,
};

/**
 * Dice of the classes 1..C−1 over that many training patches together: around labelled voxels of every class alike, unchanged, and not those
 * that the run trains on. `regions`: the classes of each class's region, where some lie inside others. `cases`: patches that hold the class; `dice`: null where neither they nor the prediction have it.
 */
export async function patchDice(
  predictor: PatchPredictor,
  specification: BatchSpecification,
  patches: number,
  regions?: ReadonlyMap<number, readonly number[]>,
): Promise<{ readonly cases: number; readonly dice: number | null }[]> {
  const rule = { ...specification.rule, augmentation: unchanged, foregroundShare: 1 };
  const maker = new BatchMaker({ ...specification, batch: 1, seed: specification.seed ^ 0x9a7c4, rule });
  const voxels = rule.size[0] * rule.size[1] * rule.size[2];
  const batch = emptyBatch({ batch: 1, rule });
  const [both, either, holding] = [0, 1, 2].map(() => new Float64Array(predictor.classes)) as [Float64Array, Float64Array, Float64Array];
  const count = (counts: Float64Array, index: number): void => {
    counts[index] = (counts[index] ?? 0) + 1;
  };
  /** Classes whose regions hold each class. */
  const around = Array.from({ length: predictor.classes }, (_unused, own) => [
    own,
    ...[...(regions ?? [])].flatMap(([region, members]) => (region !== own && members.includes(own) ? [region] : [])),
  ]);
  try {
    for (let patch = 0; patch < patches; patch++) {
      maker.make(patch, batch);
      const probability = await predictor.predict(batch.image);
      for (let voxel = 0; voxel < voxels; voxel++) {
        if (batch.classes[voxel] === IGNORED_CLASS) continue;
        let found = 0;
        for (let c = 1; c < predictor.classes; c++)
          if ((probability[c * voxels + voxel] ?? 0) > (probability[found * voxels + voxel] ?? 0)) found = c;
        const truth = batch.classes[voxel] ?? 0;
        for (const region of around[found] ?? []) count(either, region);
        for (const region of around[truth] ?? []) {
          count(either, region);
          if (around[found]?.includes(region) === true) count(both, region);
        }
      }
      for (const present of new Set([...new Set(batch.classes)].flatMap((own) => around[own] ?? []))) count(holding, present);
    }
  } finally {
    maker.close();
  }
  return Array.from({ length: predictor.classes - 1 }, (_, index) => {
    const all = either[index + 1] ?? 0;
    return { cases: holding[index + 1] ?? 0, dice: all === 0 ? null : (2 * (both[index + 1] ?? 0)) / all };
  });
}
