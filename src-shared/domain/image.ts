import type { Grid } from '../geometry/grid.ts';
import type { CaseId, ImageId } from './ids.ts';

/** An image of a case. Copied images lie inside the project; referenced ones stay where they are. */
export interface ImageRecord {
  readonly id: ImageId;
  readonly caseId: CaseId;
  /** SHA-256 (hex) of the content: what duplicates are found by. */
  readonly contentHash: string;
  readonly storage: 'copy' | 'reference';
  /** Copy: relative to the project folder, with '/'. Reference: absolute. Several for a DICOM series. */
  readonly paths: readonly string[];
  /** 'nifti1', 'dicom' and so on. */
  readonly format: string;
  readonly modality: string;
  readonly grid: Grid;
  readonly addedAt: string;
}
