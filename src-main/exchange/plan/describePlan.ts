import type { PlacedBy } from '#shared/domain/caseImages.ts';
import type { Overlap } from '#shared/domain/overlap.ts';
import type { ImportPlan } from './importPlan.ts';

/** An image that a case gains; the first of a new case leads. */
export interface DescribedImage {
  readonly name: string;
  readonly files: readonly string[];
  /** Which volume of its files, from 1, where they hold several. */
  readonly volume: number | null;
  readonly placedBy: PlacedBy;
  /** What its values are read in; empty: as they are stored. */
  readonly unit: string;
}

/** A plan as the window and the command line show it: every file that was found stands in it once. */
export interface DescribedPlan extends Omit<ImportPlan, 'cases'> {
  readonly cases: readonly {
    readonly name: string;
    /** The project has its leading image already; the case gains a mask or further images. */
    readonly existing: boolean;
    readonly images: readonly DescribedImage[];
    readonly mask: {
      readonly files: readonly string[];
      readonly labels: readonly string[];
      readonly remarks: readonly string[];
      readonly overlaps: readonly Overlap[];
    } | null;
    readonly warnings: readonly string[];
  }[];
}

export function describePlan({ cases, ...plan }: ImportPlan): DescribedPlan {
  return {
    ...plan,
    cases: cases.map(({ name, existing, images, mask, warnings }) => ({
      name,
      existing: existing !== null,
      images: images.map(({ name: called, paths, volume, placement, scale }) => ({
        name: called,
        files: paths,
        volume,
        placedBy: placement.by,
        unit: scale.unit,
      })),
      warnings,
      mask:
        mask === null
          ? null
          : {
              files: mask.parts.flatMap(({ paths }) => paths),
              labels: [...new Set(mask.parts.flatMap(({ keys }) => [...keys.values()]))],
              remarks: mask.remarks,
              overlaps: mask.overlaps,
            },
    })),
  };
}
