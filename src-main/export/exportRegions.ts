import { join } from 'node:path';
import { regionOf } from '#shared/domain/regions.ts';
import type { Label, LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { exportNiftiLabels } from './exportNifti.ts';

/** Where the masks of a case's regions lie: one for each label, named after it, in the case's folder. */
export function regionPaths(folder: string, labels: readonly Pick<Label, 'value' | 'name'>[]): string[] {
  return labels.map(({ value, name }) => join(folder, `${String(value)}-${name.replace(/[^\p{L}\p{N}]+/gu, '_').slice(0, 60)}.nii.gz`));
}

/**
 * Writes a mask of its own for each label's region: its voxels and those of all labels inside it are 1. A region without a voxel is written, too. Every file
 * is read back and compared; resolves with their paths. Throws `io`, `disk-full`.
 */
export async function exportRegions(folder: string, { grid, data }: LabelVolume, labelSet: LabelSet): Promise<string[]> {
  const paths = regionPaths(folder, labelSet.labels);
  for (const [n, label] of labelSet.labels.entries()) {
    const isMember = new Uint8Array(0x1_0000);
    for (const value of regionOf(labelSet, label.value)) isMember[value] = 1;
    const region = { grid, data: Uint8Array.from(data, (value) => isMember[value] as number) };
    await exportNiftiLabels(paths[n] ?? '', region, { labels: [{ ...label, value: 1 }] });
  }
  return paths;
}
