import type { WireError } from '#shared/base/errors.ts';
import type { Progress } from '#shared/base/progress.ts';
import type { KnownImage } from '#shared/domain/image.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import type { Renumbering } from './sourceValues.ts';
import type { LabelVolumeRow } from '#main/export/labelVolumes.ts';
import type { LeadingPlace, Modality } from '#main/imageio/readImage.ts';

/** A mask on disk, without the labels that are left out, or the copy of one that is being edited. */
export type LabelsSource =
  | { readonly kind: 'file'; readonly path: string; readonly removed?: readonly number[] }
  | { readonly kind: 'volume'; readonly volume: LabelVolume };

/** An image of a case, and where it lies on the leading one. */
export interface ExportedImage {
  readonly imagePaths: readonly string[];
  readonly known: KnownImage;
  readonly onto: LeadingPlace;
}

/** A file that was read back and compared, as it was then: whether it still lies there is computed from it. */
export interface CheckedFile {
  readonly path: string;
  readonly bytes: number;
  /** Device, inode and time of the last change. */
  readonly stamp: string;
}

/** What the export thread is asked to do, in terms of files alone: it knows no project. */
export interface ExportTasks {
  /** Writes one case in one format; answers with the files, read back and compared. */
  case: {
    readonly request: {
      readonly format: string;
      readonly path: string;
      readonly labels: LabelsSource;
      readonly labelSet: LabelSet;
      readonly imagePaths: readonly string[];
      readonly known: KnownImage;
      readonly identity: boolean;
      readonly origin: 'mask' | 'prediction';
      readonly overwrite: boolean;
      /** Each label with all that lies inside it. */
      readonly regions: boolean;
      /** Null: the project's values. */
      readonly renumbering: Renumbering | null;
    };
    readonly result: readonly CheckedFile[];
  };
  /** Counts voxels and volumes. */
  measure: { readonly request: { readonly labels: LabelsSource; readonly labelSet: LabelSet }; readonly result: readonly LabelVolumeRow[] };
  /** Writes a whole nnU-Net data set. */
  dataset: {
    readonly request: {
      readonly folder: string;
      readonly name: string;
      readonly modality: Modality;
      /** What the channels are called; undefined: one, by the modality. */
      readonly channels: readonly string[] | undefined;
      readonly labelSet: LabelSet;
      readonly cases: readonly {
        readonly id: string;
        /** Of its files. */
        readonly name: string;
        /** In the order of `channels`, all on the leading image's grid. */
        readonly images: readonly ExportedImage[];
        readonly labels: LabelsSource;
      }[];
    };
    readonly result: readonly CheckedFile[];
  };
}

export type ExportTask = {
  readonly [K in keyof ExportTasks]: { readonly kind: K; readonly request: ExportTasks[K]['request'] };
}[keyof ExportTasks];

/** 'close': nothing more will come; the thread ends by its own hand. */
export type ExportRequest = ExportTask | 'close';

export type ExportReply =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: WireError };
