import type { WireError } from '#shared/base/errors.ts';
import type { Progress } from '#shared/base/progress.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import type { LabelVolumeRow } from '#main/export/labelVolumes.ts';
import type { Modality } from '#main/imageio/readImage.ts';

/** A mask on disk, without the labels that are left out, or the copy of one that is being edited. */
export type LabelsSource = { readonly kind: 'file'; readonly path: string; readonly leftOut?: readonly number[] } | { readonly kind: 'volume'; readonly volume: LabelVolume };

/** What the export thread is asked to do, in terms of files alone: it knows no project. */
export interface ExportTasks {
  /** Writes one case in one format; answers with the files. */
  case: {
    readonly request: {
      readonly format: string; readonly path: string; readonly labels: LabelsSource; readonly labelSet: LabelSet;
      readonly imagePaths: readonly string[]; readonly identity: boolean; readonly origin: 'mask' | 'prediction';
    };
    readonly result: readonly string[];
  };
  /** Counts voxels and volumes. */
  measure: { readonly request: { readonly labels: LabelsSource; readonly labelSet: LabelSet }; readonly result: readonly LabelVolumeRow[] };
  /** Writes a whole nnU-Net data set. */
  dataset: {
    readonly request: {
      readonly folder: string; readonly name: string; readonly modality: Modality; readonly labelSet: LabelSet;
      readonly cases: readonly { readonly id: string; readonly name?: string; readonly imagePaths: readonly string[]; readonly labels: LabelsSource }[];
    };
    readonly result: null;
  };
}

export type ExportTask = { readonly [K in keyof ExportTasks]: { readonly kind: K; readonly request: ExportTasks[K]['request'] } }[keyof ExportTasks];

export type ExportReply =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: WireError };
