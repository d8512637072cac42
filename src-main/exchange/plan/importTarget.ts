import type { DicomReferences } from '#main/imageio/readImage.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import type { ExaminedImage } from './examine.ts';
import type { ProjectLabels } from './mapLabels.ts';

/** What an import has to know of the project that it goes into. */
export interface ImportTarget {
  readonly labels: ProjectLabels;
  /** Of its cases. */
  readonly names: ReadonlySet<string>;
  /** The case that has an image of this content, rather one that it leads. */
  readonly find: (contentHash: string) => KnownCase | null;
  /** The cases whose images are DICOM series that have one of these identifiers. */
  readonly findSeries: (references: DicomReferences) => Promise<readonly FoundCase[]>;
}

/** A case of the project that has an image. */
export interface KnownCase {
  readonly caseId: string;
  readonly name: string;
  /** Of its leading image. */
  readonly grid: Grid;
  /** Of all its images, the leading one first. */
  readonly contents: readonly string[];
}

export interface FoundCase {
  readonly existing: KnownCase;
  readonly seriesUid: string;
  readonly frameOfReferenceUid: string;
  readonly image: Pick<ExaminedImage, 'paths' | 'grid' | 'contentHash'>;
}
