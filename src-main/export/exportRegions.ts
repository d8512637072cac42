import { join } from 'node:path';
import { regionOf } from '#shared/domain/regions.ts';
import type { Label, LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { maskOf } from './exportedLabels.ts';
import { exportNiftiLabels } from './exportNifti.ts';

/** Where the masks of a case's regions lie: one for each label, named after it, in the case's folder. */
export function regionPaths(folder: string, labels: readonly Pick<Label, 'value' | 'name'>[]): string[] {
  return labels.map(({ value, name }) => join(folder, `${String(value)}-${name.replace(/[^\p{L}\p{N}]+/gu, '_').slice(0, 60)}.nii.gz`));
}

/**
 * Writes a mask of its own for each label's region: its voxels and those of all labels inside it are 1. A region without a voxel is written, too. Every file
 * is read back and compared; resolves with their paths. Throws `io`, `disk-full`.
 */
export async function exportRegions(folder: string, labels: LabelVolume, labelSet: LabelSet): Promise<string[]> {
  const paths = regionPaths(folder, labelSet.labels);
  for (const [n, label] of labelSet.labels.entries()) {
    const region = maskOf(labels, { values: regionOf(labelSet, label.value) });
    await exportNiftiLabels(paths[n] ?? '', region, { labels: [{ ...label, value: 1 }] });
  }
  return paths;
}
