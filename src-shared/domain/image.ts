import type { Grid } from '../geometry/grid.ts';
import type { IntensityScale, Placement } from './caseImages.ts';
import type { CaseId, ImageId } from './ids.ts';

/** A file as it was when it was last known to hold what was imported. */
export interface FileState {
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** An image of a case. Copied images lie inside the project; referenced ones stay where they are. */
export interface ImageRecord {
  readonly id: ImageId;
  readonly caseId: CaseId;
  /** Among the images of its case; 0 leads: masks lie on its grid. */
  readonly position: number;
  /** Of the channel or series; empty where nothing names it. */
  readonly name: string;
  readonly placement: Placement;
  readonly scale: IntensityScale;
  /** SHA-256 (hex) of the content that was imported: what duplicates are found by. */
  readonly contentHash: string;
  /** What reading the stored files gives: another one where a header with separate voxels was copied into one file. Null where it is not known yet. */
  readonly storedHash: string | null;
  readonly storage: 'copy' | 'reference';
  /** Copy: relative to the project folder, with '/'. Reference: absolute. Several for a DICOM series. */
  readonly paths: readonly string[];
  /** Of each path; null where not known, or where more files than these hold the image. */
  readonly fileStates: readonly FileState[] | null;
  /** 'nifti1', 'dicom' and so on. */
  readonly format: string;
  readonly modality: string;
  readonly grid: Grid;
  /** DICOM; empty where it has none, null where its files were not asked yet. */
  readonly frameOfReference: string | null;
  readonly addedAt: string;
}

/** By what whoever reads an image knows that it is the one that was imported. */
export interface KnownImage {
  /** SHA-256 (hex) that reading has to give. */
  readonly expectedHash?: string | undefined;
  /** When its files had last been written then (ISO 8601): for what is said where it is another one. */
  readonly modifiedAt?: string | undefined;
}

export function knownImage({ storedHash, fileStates }: Pick<ImageRecord, 'storedHash' | 'fileStates'>): KnownImage {
  return {
    ...(storedHash !== null && { expectedHash: storedHash }),
    ...(fileStates !== null && { modifiedAt: newestOf(fileStates) }),
  };
}

/** That part alone of something larger. */
export function expected({ expectedHash, modifiedAt }: KnownImage): KnownImage {
  return { expectedHash, modifiedAt };
}

/** When the last of them was written, ISO 8601. */
export function newestOf(states: readonly FileState[]): string {
  return new Date(states.reduce((newest, { modifiedAt }) => Math.max(newest, modifiedAt), 0)).toISOString();
}

export function sameStates(a: readonly FileState[], b: readonly FileState[]): boolean {
  return a.length === b.length && a.every(({ bytes, modifiedAt }, n) => b[n]?.bytes === bytes && b[n].modifiedAt === modifiedAt);
}
