import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import type { LabelVolume, Triple } from '#shared/geometry/grid.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { importCases, type ImportOptions, type ImportResult } from '#main/exchange/importCases.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { createProject, type Project } from '#main/library/index.ts';
import { rampVolume, writeLabelList } from './studio.ts';

export const quietly = { cancellation: neverCancelled, report: ignoreProgress };
export const size: Triple = [8, 7, 6];
const [row, columns] = size;

/** A project without labels. */
export function emptyProject(folder: string, author = 'reader'): Project {
  return createProject(folder, { name: `of ${author}`, labelSet: { labels: [] }, author });
}

/** The n-th of the values fills n + 2 rows of slice n + 1. */
export function slabs(values: readonly number[]): LabelVolume {
  const { grid } = rampVolume(size);
  const data = values.some((value) => value > 255) ? new Uint16Array(voxelCount(grid)) : new Uint8Array(voxelCount(grid));
  values.forEach((value, n) => data.fill(value, (n + 1) * row * columns, (n + 1) * row * columns + row * (n + 2)));
  return { grid, data } as LabelVolume;
}

/** `images/NAME.nii.gz`, and with values `labels/NAME.nii.gz` with the list of their names. */
export async function writeCase(
  folder: string,
  name: string,
  seed: number,
  labels: readonly (readonly [value: number, name: string])[],
): Promise<void> {
  for (const part of ['images', 'labels']) mkdirSync(join(folder, part), { recursive: true });
  await writeVolume(join(folder, 'images', `${name}.nii.gz`), rampVolume(size, seed));
  if (labels.length === 0) return;
  await writeVolume(join(folder, 'labels', `${name}.nii.gz`), slabs(labels.map(([value]) => value)));
  writeLabelList(
    join(folder, 'labels'),
    labels.map(([value, label]) => ({ value, name: label })),
  );
}

export function bring(project: Project, sources: readonly string[], options: Partial<ImportOptions> = {}): Promise<ImportResult> {
  return importCases(project, sources, { mode: 'copy', ...quietly, ...options });
}

/** Makes the folder of a file. */
export function placed(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  return path;
}
