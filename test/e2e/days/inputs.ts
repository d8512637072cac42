import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { writeDicomSlices } from '../../support/dicomSlices.ts';
import { dayPhantom, labelNames } from './phantom.ts';

/** Days are run at full size by `npm run days`, short by `npm test`. */
export const full = process.env['LOGONET_DAYS'] === 'full';
/** Of the days that only `npm run days` runs. */
export const onlyAsDays = full ? '' : ' (skipped: only by npm run days)';

export interface DayInput {
  readonly folder: string;
  readonly labels: readonly string[];
  /** Masks as they were drawn, by case name, in the project's values. */
  readonly truths: ReadonlyMap<string, Volume<Uint8Array>>;
  /** Names of the folders of the DICOM series. */
  readonly series: readonly string[];
}

/** As a person finds them: the first two labels stand under each other's numbers. */
export const swapped = (value: number): number => (value === 1 ? 2 : value === 2 ? 1 : value);

/**
 * A mixed folder: `dicom/…` with two series, `images` with NIfTI, `labels` with masks of all but the last, whose numbers are not the
 * project's.
 */
export async function writeMixedFolder(
  folder: string,
  { cases, labels, size, spacing }: { readonly cases: number; readonly labels: number; readonly size: Triple; readonly spacing: Triple },
): Promise<DayInput> {
  for (const part of ['images', 'labels', 'dicom']) mkdirSync(join(folder, part), { recursive: true });
  const truths = new Map<string, Volume<Uint8Array>>();
  const series: string[] = [];
  for (let index = 0; index < cases; index++) {
    const { image, mask } = dayPhantom([size[0] + index, size[1], size[2]], spacing, 100 + index, labels);
    if (index < 2) {
      const name = `Series ${'AB'[index] ?? ''}`;
      series.push(name);
      const root = `2.25.77.${String(index + 1)}`;
      writeDicomSlices(join(folder, 'dicom', name), image, (k) => ({
        PatientName: `Day^${name}`,
        PatientID: `DAY-${String(index)}`,
        StudyInstanceUID: `${root}.1`,
        SeriesInstanceUID: `${root}.2`,
        FrameOfReferenceUID: `${root}.3`,
        SOPInstanceUID: `${root}.4.${String(k)}`,
        SeriesDescription: name,
      }));
      truths.set(name, mask);
      continue;
    }
    const name = `patient ${String(index - 1).padStart(2, '0')}`;
    truths.set(name, mask);
    await writeVolume(join(folder, 'images', `${name}.nii.gz`), image);
    if (index < cases - 1) await writeVolume(join(folder, 'labels', `${name}.nii.gz`), { grid: mask.grid, data: mask.data.map(swapped) });
  }
  return { folder, labels: labelNames(labels), truths, series };
}
