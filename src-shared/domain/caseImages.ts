/**
 * The images of a case. The first one leads: masks lie on its grid, and its modality, size and thumbnail are the case's. The others (further
 * sequences, a PET on its CT) are brought onto that grid when they are read; what is stored of them is never touched.
 */
import { composeAffine } from '../geometry/affine.ts';
import type { Affine, Grid, Volume, VoxelArray } from '../geometry/grid.ts';
import { resampleVolume } from '../geometry/resample.ts';
import type { ImageId } from './ids.ts';
import type { KnownImage } from './image.ts';

/**
 * How it is known where an image lies to the leading one. `grid`: voxel by voxel on the same grid, as the leading image itself does; `frame`: both
 * name one DICOM frame of reference; `hand`: a person said so, by the headers' coordinates as they are or after a shift and turn of `toLeading`.
 */
export const placedBy = ['grid', 'frame', 'hand'] as const;
export type PlacedBy = (typeof placedBy)[number];

export interface Placement {
  readonly by: PlacedBy;
  /** Rigid; from the world of this image to that of the leading one, LPS millimetres. Null: the same world. */
  readonly toLeading: Affine | null;
}

export const onSameGrid: Placement = { by: 'grid', toLeading: null };

/** What a person reads an image's values in, and what is stored of it · `factor` gives it. */
export interface IntensityScale {
  readonly factor: number;
  /** 'SUVbw' for PET by body weight; empty where the values are as they are stored (Hounsfield units of CT among them). */
  readonly unit: string;
}

export const asStored: IntensityScale = { factor: 1, unit: '' };

/** An image of a case as a job reads it; the first of a case's list is the leading one. */
export interface CaseChannel extends KnownImage {
  readonly imageId: ImageId;
  /** Of the channel ('T1', 'FLAIR', 'PET') or the series; empty where nothing names it, as in projects that earlier versions made. */
  readonly name: string;
  /** Absolute paths: one file, or the files of a series. */
  readonly image: readonly string[];
  readonly contentHash: string;
  readonly modality: string;
  readonly placement: Placement;
  readonly scale: IntensityScale;
}

/** Whether two channels are called the same: case, spaces, `_` and `-` do not tell them apart. */
export function sameChannelName(a: string, b: string): boolean {
  return channelKey(a) === channelKey(b);
}

function channelKey(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, '');
}

/**
 * An image's voxels on the grid of its case's leading one, in the unit that its scale gives. On the same grid and without a factor they are the very
 * array that was given, else a new float32 one: trilinear, and what lies outside the image has its smallest value.
 */
export function onLeadingGrid(volume: Volume, { placement, scale }: Pick<CaseChannel, 'placement' | 'scale'>, leading: Grid): Volume {
  return scaled(placed(volume, placement, leading), scale.factor);
}

function placed(volume: Volume, { by, toLeading }: Placement, leading: Grid): Volume {
  // Headers of one grid may differ by their rounding.
  if (by === 'grid') return { grid: leading, data: volume.data };
  const grid = toLeading === null ? volume.grid : { size: volume.grid.size, affine: composeAffine(toLeading, volume.grid.affine) };
  return resampleVolume({ grid, data: volume.data }, leading, 'linear', { background: smallest(volume.data) });
}

function scaled({ grid, data }: Volume, factor: number): Volume {
  return factor === 1 ? { grid, data } : { grid, data: Float32Array.from(data, (value) => value * factor) };
}

function smallest(data: VoxelArray): number {
  let least = Infinity;
  for (let n = 0; n < data.length; n++) if ((data[n] as number) < least) least = data[n] as number;
  return Number.isFinite(least) ? least : 0;
}
