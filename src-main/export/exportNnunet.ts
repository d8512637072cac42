import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled, neverCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { ignoreProgress, type ReportProgress } from '#shared/base/progress.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { resampleVolume } from '#shared/geometry/resample.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import type { Modality } from '#main/imageio/readImage.ts';
import { anonymousName } from './anonymousName.ts';
import { exportNifti } from './exportNifti.ts';
import { exportFailed } from './verify.ts';

export interface NnunetCase {
  /** The library's id: names the files, anonymously. */
  readonly id: string;
  /** A name to use instead, where the person asked for it. */
  readonly name?: string;
  /** Loaded one after the other, so that a project need not fit into memory. */
  readonly image: () => Promise<Volume>;
  /** Absent: an unlabelled case, which goes to imagesTs. */
  readonly labels?: () => Promise<LabelVolume>;
}

export interface NnunetExport {
  readonly name: string;
  readonly modality: Modality;
  readonly labelSet: LabelSet;
  readonly cases: readonly NnunetCase[];
  readonly cancellation?: Cancellation;
  readonly report?: ReportProgress;
}

/**
 * Writes a project in nnU-Net's (v2) raw data layout: imagesTr, labelsTr, imagesTs as .nii.gz and dataset.json, last. Label values become
 * 1, 2, … in the order of the label set's values, as nnU-Net wants them; `logonet_label_values` keeps the original ones. Every file is read
 * back. Throws `invalid-argument` on names that collide or a value outside the label set; `io`, `disk-full`, `cancelled`.
 */
export async function exportNnunet(folder: string, { name, modality, labelSet, cases, cancellation = neverCancelled, report = ignoreProgress }: NnunetExport): Promise<void> {
  const ordered = labelSet.labels.toSorted((a, b) => a.value - b.value);
  const names = cases.map((one) => fileName(one));
  if (new Set(names).size !== names.length) throw new StudioError('invalid-argument', 'Two cases would be exported under the same name; rename one of them.');
  const labelled = cases.filter((one) => one.labels);
  for (const part of ['imagesTr', 'labelsTr', ...(labelled.length < cases.length ? ['imagesTs'] : [])]) await mkdir(join(folder, part), { recursive: true });
  for (const [n, one] of cases.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: 'Exporting cases', fraction: n / cases.length });
    const image = await one.image();
    await exportNifti(join(folder, one.labels ? 'imagesTr' : 'imagesTs', `${names[n]}_0000.nii.gz`), image);
    if (!one.labels) continue;
    const labels = await one.labels();
    const numbered = { grid: labels.grid, data: consecutive(labels, ordered.map(({ value }) => value)) };
    // nnU-Net refuses masks that do not lie on their image's own voxels.
    await exportNifti(join(folder, 'labelsTr', `${names[n]}.nii.gz`), sameGrid(labels.grid, image.grid) ? numbered : resampleVolume(numbered, image.grid, 'nearest'));
  }
  const text = `${JSON.stringify({
    name, channel_names: { 0: modality === 'unknown' ? 'image' : modality === 'MR' ? 'MRI' : 'CT' },
    labels: Object.fromEntries([['background', 0], ...ordered.map((_, n) => [uniqueName(ordered, n), n + 1])]),
    logonet_label_values: ordered.map(({ value }) => value), numTraining: labelled.length, file_ending: '.nii.gz',
  }, null, 2)}\n`;
  await writePieces(join(folder, 'dataset.json'), [new TextEncoder().encode(text)], {
    check: async (temporary) => { if ((await readFile(temporary, 'utf8')) !== text) throw exportFailed('dataset.json', 'the description differs'); },
  });
}

function consecutive({ data }: LabelVolume, values: readonly number[]): Uint8Array {
  const numbers = new Uint8Array(65536);
  values.forEach((value, n) => { numbers[value] = n + 1; });
  return Uint8Array.from(data, (value) => {
    const number = numbers[value] as number;
    if (value !== 0 && number === 0) throw new StudioError('invalid-argument', `A mask holds the value ${value}, which the label set does not name; add it before exporting.`);
    return number;
  });
}

/** Two labels of one name would become one key. */
function uniqueName(labels: LabelSet['labels'], index: number): string {
  const name = labels[index]?.name ?? '';
  const isTaken = labels.slice(0, index).some((label) => label.name === name) || name === 'background' || /^\d+$/.test(name);
  return isTaken ? `${name} (${labels[index]?.value})` : name;
}

function fileName({ id, name }: NnunetCase): string {
  if (name === undefined) return anonymousName(id);
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^\.+/, '_').slice(0, 100) || anonymousName(id);
}
