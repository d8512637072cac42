import type { Cancellation } from '#shared/base/cancellation.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';

export type ImageFormat = 'nifti1' | 'nifti2' | 'nrrd' | 'metaimage' | 'dicom' | 'dicom-seg';
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

export interface ReadOptions {
  readonly cancellation?: Cancellation;
  /** Milliseconds after which decoding is given up; by default it grows with the size of the files. */
  readonly timeoutMs?: number;
  /** The most bytes of voxels to accept; by default half of the machine's memory. */
  readonly maxBytes?: number;
  /** Also reads who the images are of. */
  readonly identity?: boolean;
  /** SeriesInstanceUID to take from a folder that holds several. */
  readonly series?: string;
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
  readonly identity?: PatientIdentity;
}

/** A label value that the voxels hold, with what the file says about it. */
export interface FileLabel {
  readonly value: number;
  readonly name?: string;
  /** '#rrggbb' */
  readonly color?: string;
}

export interface ReadLabels {
  readonly volume: LabelVolume;
  readonly format: ImageFormat;
  readonly contentHash: string;
  readonly warnings: readonly string[];
  /** The values that are present, ascending, without background. */
  readonly labels: readonly FileLabel[];
  readonly source: DicomSource | null;
}

/** What a format's reader hands on: an image, and the label names that the file may carry. */
export interface DecodedImage extends ReadImage {
  readonly fileLabels?: readonly FileLabel[];
}

/** Limits that a reader works under. */
export interface DecodeLimits {
  readonly maxBytes: number;
}
