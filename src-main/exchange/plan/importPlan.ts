import type { ErrorCode } from '#shared/base/errors.ts';
import type { IntensityScale, Placement } from '#shared/domain/caseImages.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import type { Overlap } from '#shared/domain/overlap.ts';
import type { SeveralVolumes } from './gatherFiles.ts';
import type { PlannedLabel } from './mapLabels.ts';

/** A file that is not taken, and why. */
export interface SkippedFile {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** One structure's file of a mask, or all of a mask. */
export interface PlannedPart {
  readonly paths: readonly string[];
  /** The label (`PlannedLabel.key`) of each of its values. */
  readonly keys: ReadonlyMap<number, string>;
}

export interface PlannedMask {
  readonly parts: readonly PlannedPart[];
  /** SHA-256 of the files. */
  readonly hashes: readonly string[];
  /** What a person should know: an offset, voxels outside. */
  readonly remarks: readonly string[];
  /** Voxels that several labels (their keys) hold at once. */
  readonly overlaps: readonly Overlap[];
}

/** An image that a case gains. */
export interface PlannedImage {
  /** Of the channel or series; empty where nothing names it. */
  readonly name: string;
  readonly paths: readonly string[];
  /** Which volume of these files, from 1, where they hold several. */
  readonly volume: number | null;
  readonly contentHash: string;
  readonly grid: Grid;
  /** On the case's leading image. */
  readonly placement: Placement;
  readonly scale: IntensityScale;
}

/** A case to be, or one of the project that gains a mask or further images. */
export interface PlannedCase {
  readonly name: string;
  /** The case of the project whose image this is; null: a new one. */
  readonly existing: string | null;
  /** The images that it gains. Of a new case the first one leads. */
  readonly images: readonly PlannedImage[];
  /** Of the leading image: masks lie on it. */
  readonly grid: Grid;
  readonly mask: PlannedMask | null;
  readonly warnings: readonly string[];
}

/** Files that are numbered like nnU-Net's channels, outside its folders: how many cases of several images they are, and whether they are taken so. */
export interface NumberedFiles {
  readonly cases: number;
  readonly together: boolean;
}

/** What an import will do, file by file, before it is done. Every file that was found is in a case, a duplicate, refused or aside: once. */
export interface ImportPlan {
  readonly cases: readonly PlannedCase[];
  readonly labels: readonly PlannedLabel[];
  /** Labels (their keys) that lie over others somewhere: those in front have the voxels. */
  readonly overlapOrder: readonly string[];
  /** Files and series that hold several volumes, taken or not. */
  readonly several: readonly SeveralVolumes[];
  /** Images of cases that lie on other voxels than the leading one, taken or not. */
  readonly elsewhere: number;
  /** Cases that DICOM series of one study and frame of reference are, or could be. */
  readonly studies: number;
  readonly numbered: NumberedFiles;
  /** Content that is there already, in the project or among these files. */
  readonly duplicates: readonly { readonly path: string; readonly of: string }[];
  readonly skipped: readonly SkippedFile[];
  /** Descriptions, lists of labels, data files of headers and notes. */
  readonly aside: readonly string[];
  /** What has to be answered first, in a sentence; null where everything is certain. */
  readonly question: string | null;
}
