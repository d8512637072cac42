import { MaskOverlaps, type LaidPart } from './maskOverlaps.ts';
import { keysOf, type ExaminedImage, type ExaminedPart } from './examine.ts';
import type { GatheredGroup } from './gatherFiles.ts';
import type { KnownCase } from './importTarget.ts';
import { onSameGrid } from '#shared/domain/caseImages.ts';
import type { PlannedCase, PlannedImage, PlannedPart } from './importPlan.ts';
import type { CountedOverlaps } from './overlapOrder.ts';

/** A case while its files are being looked into. */
export interface Draft {
  readonly group: Pick<GatheredGroup, 'name' | 'names'>;
  /** The leading one. */
  image: ExaminedImage;
  /** The case of the project whose image this is. */
  readonly existing: KnownCase | null;
  /** It is one of several volumes that are cases of their own. */
  readonly volume: number | null;
  /** What it gains besides, on the leading image. */
  readonly further: PlannedImage[];
  /** What a person should know of these. */
  readonly remarks: string[];
  /** DICOM series among these: a segmentation that names one lies on the case. */
  readonly furtherSeries: string[];
  parts: ExaminedPart[];
  /** Of all its parts; else they have to be laid together once more. */
  counted: CountedOverlaps;
  isCounted: boolean;
}

export const none: CountedOverlaps = { overlaps: [], voxels: new Map() };

/** Where the labels of one file overlap. */
export function countedAlone(laid: LaidPart): CountedOverlaps {
  const overlaps = new MaskOverlaps();
  overlaps.add(laid);
  return overlaps.count();
}

/** What a person should know of an image that is one volume of several. */
export function volumeRemark(volume: number, { volumes, channels, masks }: GatheredGroup): string {
  const called = channels.length === volumes ? ` (${channels[volume - 1] ?? ''} in its dataset.json)` : '';
  return `It is volume ${String(volume)} of ${String(volumes)}${called}, kept as a file of its own.${masks.length > 0 ? ' The mask goes with this volume.' : ''}`;
}

export function plannedImage(
  { paths, volume, name, contentHash, grid, scale }: ExaminedImage,
  placement: PlannedImage['placement'] = onSameGrid,
): PlannedImage {
  return { name, paths, volume, contentHash, grid, placement, scale };
}

export function plannedCase({ image, existing, volume, further, remarks, parts, counted }: Draft, called: string): PlannedCase {
  const name = volume === null ? called : `${called.slice(0, 490)} volume ${String(volume)}`;
  return {
    name: name.replace(/\p{Cc}+/gu, ' ').slice(0, 512),
    existing: existing?.caseId ?? null,
    images: existing === null ? [plannedImage(image), ...further] : further,
    grid: image.grid,
    warnings: [...image.warnings, ...remarks],
    mask:
      parts.length === 0
        ? null
        : {
            parts: parts.map(({ paths, labels }): PlannedPart => ({
              paths,
              keys: keysOf({ labels }),
            })),
            hashes: parts.map(({ contentHash }) => contentHash),
            remarks: parts.flatMap(({ remarks }) => remarks),
            overlaps: counted.overlaps,
          },
  };
}
