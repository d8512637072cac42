import type { Cancellation } from '#shared/base/cancellation.ts';
import type { CaseChannel, IntensityScale } from '#shared/domain/caseImages.ts';
import type { KnownImage } from '#shared/domain/image.ts';
import type { Grid, LabelVolume, Volume } from '#shared/geometry/grid.ts';
import type { LabelCode } from './labelCodes.ts';
import type { Combination } from './layeredLabels.ts';

export type ImageFormat = 'nifti1' | 'nifti2' | 'nrrd' | 'metaimage' | 'dicom' | 'dicom-seg' | 'rtstruct';
export type Modality = 'CT' | 'MR' | 'unknown';

/** What a DICOM SEG needs of the series that it segments: unique identifiers only, nothing about the person. */
export interface DicomSource {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameOfReferenceUid: string;
  readonly sopClassUid: string;
  /** One for every slice along k, in the volume's order; `frame` (from 1) where the instance is multi-frame. */
  readonly instances: readonly { readonly sopInstanceUid: string; readonly frame?: number }[];
}

/** What a DICOM series is. */
export interface DicomSeries {
  /** As the header has it: 'CT', 'MR', 'PT', … */
  readonly modality: string;
  readonly description: string;
  /** From what is stored to what a person reads: SUV of PET. */
  readonly scale: IntensityScale;
  /** How the scale was found, or why there is none; null where none is expected. */
  readonly remark: string | null;
}

/** The images that a segmentation or structure set names: by any of these they are found. */
export interface DicomReferences {
  /** SeriesInstanceUIDs. */
  readonly series: readonly string[];
  readonly framesOfReference: readonly string[];
}

/** Who the images are of: only read when asked for. */
export interface PatientIdentity {
  readonly patientName: string;
  readonly patientId: string;
  readonly patientBirthDate: string;
  readonly patientSex: string;
  readonly studyDate: string;
  readonly studyDescription: string;
  readonly accessionNumber: string;
}

/** What is known of the image makes anything else refused: `changed`, or `not-found` where its files are not reachable. */
export interface ReadOptions extends KnownImage {
  readonly cancellation?: Cancellation;
  /** Milliseconds after which decoding is given up; by default it grows with the size of the files. */
  readonly timeoutMs?: number;
  /** The most bytes of voxels to accept; by default half of the machine's memory. */
  readonly maxBytes?: number;
  /** Also reads who the images are of. */
  readonly identity?: boolean;
  /** SeriesInstanceUID to take from a folder that holds several. */
  readonly series?: string;
  /** Which volume of a file or series that holds several, from 1. Without it such a one is refused. */
  readonly volume?: number;
  /** Brings the voxels onto a case's leading image, as `onLeadingGrid` does. */
  readonly onto?: LeadingPlace;
}

/** Where an image of a case lies on the leading one, whose grid it gets. */
export type LeadingPlace = Pick<CaseChannel, 'placement' | 'scale'> & { readonly grid: Grid };

export interface LabelOptions extends ReadOptions {
  /** The voxels of the images that a structure set was drawn on: contours have none of their own. */
  readonly grid?: Grid;
  /** Keeps where labels lie over each other, as `combinations`; else the label of the fewest voxels has them, and what others lose is a warning. */
  readonly overlaps?: boolean;
}

export interface ReadImage {
  readonly volume: Volume;
  readonly modality: Modality;
  readonly format: ImageFormat;
  /** SHA-256 of the file's bytes, in hexadecimal; for several files, of their sorted hashes. */
  readonly contentHash: string;
  /** Sentences for a person: what was unusual, and what was done about it. */
  readonly warnings: readonly string[];
  /** Set for DICOM alone. */
  readonly source: DicomSource | null;
  /** Set for DICOM alone. */
  readonly series?: DicomSeries;
  readonly identity?: PatientIdentity;
}

/** A label value that the voxels hold, with what the file says about it. */
export interface FileLabel {
  readonly value: number;
  readonly name?: string;
  /** '#rrggbb' */
  readonly color?: string;
  readonly code?: LabelCode;
}

export interface ReadLabels {
  readonly volume: LabelVolume;
  readonly format: ImageFormat;
  readonly contentHash: string;
  readonly warnings: readonly string[];
  /** The values that are present, ascending, without background. */
  readonly labels: readonly FileLabel[];
  /** What codes in the voxels stand for; empty unless overlaps are kept. */
  readonly combinations: readonly Combination[];
  readonly source: DicomSource | null;
}

/** What a format's reader hands on: an image, and the label names that the file may carry. */
export interface DecodedImage extends ReadImage {
  readonly fileLabels?: readonly FileLabel[];
  readonly combinations?: readonly Combination[];
}

/** Limits that a reader works under. */
export interface DecodeLimits {
  readonly maxBytes: number;
}
