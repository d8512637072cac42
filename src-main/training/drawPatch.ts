import { Random } from '#shared/base/random.ts';
import type { Augmentation } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { CaseReader } from './caseFile.ts';
import { augmentIntensities } from './intensityAugment.ts';
import { samplePatch } from './samplePatch.ts';
import { drawTransform, neededRegion } from './spatial.ts';

export interface PatchRule {
  /** Voxels along i, j, k. */
  readonly size: Triple;
  readonly augmentation: Augmentation;
  /** Part of the patches that are centred on a labelled voxel. */
  readonly foregroundShare: number;
  /** Axes (0 = i, left to right) that may be mirrored. */
  readonly mirrorAxes: readonly (0 | 1 | 2)[];
}

/** Fills one training patch from a case; what it becomes depends on the random numbers alone. */
export function drawPatch(reader: CaseReader, rule: PatchRule, random: Random, image: Float32Array, classes: Int32Array): void {
  const { header } = reader;
  const centre = drawCentre(reader, rule, random);
  const transform = drawTransform(random, rule.augmentation, header.spacing, centre, rule.mirrorAxes);
  const region = neededRegion(transform, rule.size, header.size);
  samplePatch({
    region, image: reader.image(region), classes: reader.classes(region), scale: header.scale, offset: header.offset,
    background: header.minimum, caseSize: header.size,
  }, transform, rule.size, image, classes);
  augmentIntensities(random, rule.augmentation, image, header.mean, header.deviation);
}

/**
 * The case's voxel that comes to the patch's centre. Along an axis where the patch covers the case it is the case's middle with a shift;
 * elsewhere it lies so that the patch stays inside, around a labelled voxel (classes are drawn evenly, so that small ones are seen) or anywhere.
 */
function drawCentre(reader: CaseReader, rule: PatchRule, random: Random): Triple {
  const { header } = reader;
  let around: Triple | undefined;
  if (random.next() < rule.foregroundShare && header.positions.length > 0) {
    const entry = random.integer(header.positions.length);
    around = reader.position(entry, random.integer(header.positions[entry]?.count ?? 1));
  }
  const along = (axis: 0 | 1 | 2): number => {
    const size = header.size[axis];
    const patch = rule.size[axis];
    const shift = random.uniform(-1, 1);
    if (size <= patch) return (size - 1) / 2 + Math.round(shift * rule.augmentation.shift);
    const low = (patch - 1) / 2;
    const high = size - 1 - low;
    // A labelled voxel lands anywhere in the middle half of the patch, not only in its centre.
    const wanted = around === undefined ? low + ((shift + 1) / 2) * (high - low) : around[axis] + (shift * patch) / 4;
    return Math.round(Math.min(high, Math.max(low, wanted)) - low) + low;
  };
  return [along(0), along(1), along(2)];
}
