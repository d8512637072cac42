import { Random } from '#shared/base/random.ts';
import type { Augmentation } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { CaseChannelHeader, CaseReader } from './caseFile.ts';
import { augmentIntensities } from './intensityAugment.ts';
import { samplePatch } from './samplePatch.ts';
import { drawTransform, neededRegion } from './spatial.ts';

export interface PatchRule {
  /** Voxels along i, j, k. */
  readonly size: Triple;
  /** Of the case file, in the order of the network's input. The first alone unless given. */
  readonly channels?: readonly number[];
  /** Positions in `channels` of those that are left out (0 everywhere) in this part of the patches, though never all of a patch. */
  readonly dropout?: { readonly share: number; readonly channels: readonly number[] };
  readonly augmentation: Augmentation;
  /** Part of the patches that are centred on a labelled voxel. */
  readonly foregroundShare: number;
  /** Axes (0 = i, left to right) that may be mirrored. */
  readonly mirrorAxes: readonly (0 | 1 | 2)[];
  /** The intensity outside of a case; unless given the lowest of it. */
  readonly padding?: number;
  /** The axis across thick slices, where there is one: the changes of space then stay within the slices. */
  readonly sliceAxis?: 0 | 1 | 2;
}

const firstAlone = [0] as const;

/** Fills one training patch (C, D, H, W) from a case; what it becomes depends on the random numbers alone. Intensities change channel by channel. */
export function drawPatch(reader: CaseReader, rule: PatchRule, random: Random, image: Float32Array, classes: Int32Array): void {
  const { header } = reader;
  const channels = rule.channels ?? firstAlone;
  const headers = channels.map((channel) => reader.channel(channel));
  const centre = drawCentre(reader, rule, random);
  const transform = drawTransform(random, rule.augmentation, header.spacing, centre, rule.mirrorAxes, rule.sliceAxis);
  const region = neededRegion(transform, rule.size, header.size);
  samplePatch(
    {
      region,
      images: channels.map((channel, n) => {
        const { scale, offset, minimum } = headers[n] as CaseChannelHeader;
        return { stored: reader.image(region, channel), scale, offset, background: rule.padding ?? minimum };
      }),
      classes: reader.classes(region),
      caseSize: header.size,
    },
    transform,
    rule.size,
    image,
    classes,
  );
  const patches = headers.map((_channel, n) => image.subarray(n * classes.length, (n + 1) * classes.length));
  headers.forEach(({ mean, deviation }, n) => {
    augmentIntensities(random, rule.augmentation, patches[n] as Float32Array, mean, deviation);
  });
  if (rule.dropout !== undefined) dropChannels(rule.dropout, channels, header.missing, random, patches);
}

function dropChannels(
  { share, channels: some }: NonNullable<PatchRule['dropout']>,
  channels: readonly number[],
  missing: readonly number[],
  random: Random,
  patches: readonly Float32Array[],
): void {
  let left = channels.filter((channel) => !missing.includes(channel)).length;
  for (const n of some) {
    if (random.next() >= share || left <= 1 || missing.includes(channels[n] ?? 0)) continue;
    patches[n]?.fill(0);
    left--;
  }
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
    if (size <= patch) {
      // Few slices: none of them is shifted out of the patch.
      const most = axis === rule.sliceAxis ? Math.min(rule.augmentation.shift, (patch - size) / 2) : rule.augmentation.shift;
      return (size - 1) / 2 + Math.round(shift * most);
    }
    const low = (patch - 1) / 2;
    const high = size - 1 - low;
    // A labelled voxel lands anywhere in the middle half of the patch, not only in its centre.
    const wanted = around === undefined ? low + ((shift + 1) / 2) * (high - low) : around[axis] + (shift * patch) / 4;
    return Math.round(Math.min(high, Math.max(low, wanted)) - low) + low;
  };
  return [along(0), along(1), along(2)];
}
