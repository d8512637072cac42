import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled, neverCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { plainFileName } from '#shared/base/fileName.ts';
import { ignoreProgress, type ReportProgress } from '#shared/base/progress.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { hasRegions, outermostFirst, regionOf } from '#shared/domain/regions.ts';
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
  /** The other channels, on the image's very voxels, in the order of the data set's. */
  readonly further?: readonly (() => Promise<Volume>)[];
  /** Absent: an unlabelled case, which goes to imagesTs. */
  readonly labels?: () => Promise<LabelVolume>;
}

export interface NnunetExport {
  readonly name: string;
  readonly modality: Modality;
  /** What the channels are called; where they are not, a single one is called by the modality. */
  readonly channels?: readonly string[];
  readonly labelSet: LabelSet;
  readonly cases: readonly NnunetCase[];
  readonly cancellation?: Cancellation;
  readonly report?: ReportProgress;
}

/**
 * Writes a project in nnU-Net's (v2) raw data layout, every channel of its cases: imagesTr, labelsTr, imagesTs as .nii.gz and dataset.json, last. Label values become
 * 1, 2, … in the order of the label set's values, as nnU-Net wants them, and labels that hold others are regions of several; `logonet_label_values` keeps the original ones. Every file is read
 * back; resolves with their paths. Throws `invalid-argument` on names that collide or a value outside the label set; `io`, `disk-full`, `cancelled`.
 */
export async function exportNnunet(
  folder: string,
  {
    name,
    modality,
    channels = [channelOf(modality)],
    labelSet,
    cases,
    cancellation = neverCancelled,
    report = ignoreProgress,
  }: NnunetExport,
): Promise<string[]> {
  const ordered = byValue(labelSet);
  const names = cases.map((one) => fileName(one));
  if (new Set(names.map((each) => each.toLowerCase())).size !== names.length)
    throw new StudioError('invalid-argument', 'Two cases would be exported under the same name; rename one of them.');
  const labelled = cases.filter((one) => one.labels);
  for (const part of ['imagesTr', 'labelsTr', ...(labelled.length < cases.length ? ['imagesTs'] : [])])
    await mkdir(join(folder, part), { recursive: true });
  const written: string[] = [];
  for (const [n, one] of cases.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: 'Exporting cases', fraction: n / cases.length });
    const image = await one.image();
    const paths = nnunetPaths(folder, names[n] ?? '', one.labels !== undefined, channels.length);
    written.push(...paths);
    for (const [at, load] of [() => Promise.resolve(image), ...(one.further ?? [])].entries())
      await exportNifti(paths[at] ?? '', await load());
    const labelsPath = paths.at(-1) ?? '';
    if (!one.labels) continue;
    const labels = await one.labels();
    const numbered = {
      grid: labels.grid,
      data: consecutive(
        labels,
        ordered.map(({ value }) => value),
      ),
    };
    // nnU-Net refuses masks that do not lie on their image's own voxels.
    await exportNifti(labelsPath, sameGrid(labels.grid, image.grid) ? numbered : resampleVolume(numbered, image.grid, 'nearest'));
  }
  const text = `${JSON.stringify(
    {
      name,
      channel_names: Object.fromEntries(channels.map((channel, n) => [n, channel])),
      ...describedLabels(labelSet),
      logonet_label_values: ordered.map(({ value }) => value),
      numTraining: labelled.length,
      file_ending: '.nii.gz',
    },
    null,
    2,
  )}\n`;
  await writePieces(join(folder, 'dataset.json'), [new TextEncoder().encode(text)], {
    check: async (temporary) => {
      if ((await readFile(temporary, 'utf8')) !== text) throw exportFailed('dataset.json', 'the description differs');
    },
  });
  return [...written, join(folder, 'dataset.json')];
}

const byValue = ({ labels }: LabelSet): LabelSet['labels'] => labels.toSorted((a, b) => a.value - b.value);

/**
 * Names and values; where labels lie inside others, regions (the values of each, the outermost first) and `regions_class_order`: the value that each
 * region writes, a later one over an earlier one, so that the same masks come out.
 */
function describedLabels(labelSet: LabelSet): Record<string, unknown> {
  const ordered = byValue(labelSet);
  const numberOf = (value: number): number => ordered.findIndex((label) => label.value === value) + 1;
  const nameOf = (value: number): string => uniqueName(ordered, numberOf(value) - 1);
  if (!hasRegions(labelSet))
    return { labels: Object.fromEntries([['background', 0], ...ordered.map(({ value }) => [nameOf(value), numberOf(value)])]) };
  const outer = outermostFirst(labelSet);
  const values = (value: number): number | number[] => {
    const all = regionOf(labelSet, value)
      .map(numberOf)
      .sort((a, b) => a - b);
    return all.length === 1 ? (all[0] ?? 0) : all;
  };
  return {
    labels: Object.fromEntries([['background', 0], ...outer.map(({ value }) => [nameOf(value), values(value)])]),
    regions_class_order: outer.map(({ value }) => numberOf(value)),
  };
}

const channelOf = (modality: Modality): string => (modality === 'unknown' ? 'image' : modality === 'MR' ? 'MRI' : 'CT');

/** Where a case of this name lies in the data set: its channels and, where it is labelled, its mask. */
export function nnunetPaths(folder: string, name: string, isLabelled: boolean, channels = 1): string[] {
  const images = Array.from({ length: channels }, (_, n) =>
    join(folder, isLabelled ? 'imagesTr' : 'imagesTs', `${name}_${String(n).padStart(4, '0')}.nii.gz`),
  );
  return isLabelled ? [...images, join(folder, 'labelsTr', `${name}.nii.gz`)] : images;
}

function consecutive({ data }: LabelVolume, values: readonly number[]): Uint8Array {
  const numbers = new Uint8Array(65536);
  values.forEach((value, n) => {
    numbers[value] = n + 1;
  });
  return Uint8Array.from(data, (value) => {
    const number = numbers[value] as number;
    if (value !== 0 && number === 0)
      throw new StudioError(
        'invalid-argument',
        `A mask holds the value ${value}, which the label set does not name; add it before exporting.`,
      );
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
  return (name === undefined ? '' : plainFileName(name)) || anonymousName(id);
}
