import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { asStored, onLeadingGrid, onSameGrid, type Placement } from '#shared/domain/caseImages.ts';
import { expected } from '#shared/domain/image.ts';
import { chosenChannels, type CaseFiles, type ChannelFiles } from '#shared/domain/trainingCase.ts';
import type { Grid, Volume } from '#shared/geometry/grid.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { readImage } from './readImage.ts';
import type { Modality } from './types.ts';

export interface CaseImages {
  /** Of the leading image: masks lie on it. */
  readonly grid: Grid;
  /** What was asked for, on that grid; null: the case lacks it. */
  readonly images: readonly ({ readonly volume: Volume; readonly modality: Modality } | null)[];
  /** SHA-256 over what the files hold and how it was brought onto the grid. */
  readonly contentHash: string;
  /** What was done with images that lie on other voxels, for the person. */
  readonly notes: readonly string[];
}

/** The images of a case by their files, the leading one first. */
export function imagesOf(files: CaseFiles): readonly ChannelFiles[] {
  return files.channels ?? [{ name: '', image: files.image, ...expected(files) }];
}

/** Headers of one grid may differ by their rounding. */
const SAME_VOXELS_MM = 1e-2;

/**
 * Reads the images of a case that a network takes (by name; the leading one alone unless given), all at once, onto the grid of the leading one.
 * Throws what `readImage` throws.
 */
export async function readCaseImages(
  files: CaseFiles,
  wanted: readonly string[] | undefined,
  cancellation: Cancellation,
): Promise<CaseImages> {
  const all = imagesOf(files);
  const chosen = wanted === undefined ? [0] : chosenChannels(all, wanted);
  const reading = all.map((each, n) =>
    n === 0 || chosen.includes(n)
      ? readImage(each.image, { cancellation, ...expected(each), ...(each.volume !== undefined && { volume: each.volume }) })
      : undefined,
  );
  const found = await Promise.all(reading);
  const [leading] = found as [Awaited<ReturnType<typeof readImage>>];
  const { grid } = leading.volume;
  const notes: string[] = [];
  const placed = found.map((read, n) => {
    if (read === undefined) return null;
    const { placement, scale = asStored, image } = all[n] as ChannelFiles;
    const onGrid = sameGrid(read.volume.grid, grid, SAME_VOXELS_MM);
    const where: Placement = placement ?? (onGrid ? onSameGrid : { by: 'hand', toLeading: null });
    if (n > 0 && placement === undefined && !onGrid)
      notes.push(
        `${basename([image].flat()[0] ?? '')} lies on voxels of its own: it was resampled to those of the leading image, by the coordinates in the files.`,
      );
    return {
      volume: n === 0 && scale.factor === 1 ? read.volume : onLeadingGrid(read.volume, { placement: where, scale }, grid),
      modality: read.modality,
    };
  });
  return {
    grid,
    images: chosen.map((n) => (n === null ? null : (placed[n] ?? null))),
    contentHash: hashOf(leading.contentHash, files, chosen, found),
    notes,
  };
}

/** Of the leading image alone and as it is stored, its own. */
function hashOf(
  leading: string,
  files: CaseFiles,
  chosen: readonly (number | null)[],
  found: readonly ({ readonly contentHash: string } | undefined)[],
): string {
  const first = imagesOf(files)[0];
  if (chosen.length === 1 && chosen[0] === 0 && (first?.scale?.factor ?? 1) === 1) return leading;
  const rows = chosen.map((n) => {
    if (n === null) return null;
    const { placement, scale, volume } = imagesOf(files)[n] as ChannelFiles;
    return [found[n]?.contentHash, placement, scale, volume];
  });
  return createHash('sha256')
    .update(JSON.stringify([leading, rows]))
    .digest('hex');
}
