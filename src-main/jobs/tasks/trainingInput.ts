import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { matchPairs, readDataset, type Dataset } from '#main/imageio/dataset.ts';
import type { LabelledCase, LeftOutCase } from './prepareCases.ts';

export interface TrainingInput {
  readonly cases: readonly LabelledCase[];
  /** As the data set's description names it; undefined where nothing does. */
  readonly labelSet: LabelSet | undefined;
  readonly modality: 'CT' | 'MR' | 'unknown';
  readonly leftOut: readonly LeftOutCase[];
}

/** Colours that stay apart for colour-blind eyes (Okabe and Ito). */
export const labelPalette = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7'] as const;

export function labelSetFrom(labels: readonly { readonly value: number; readonly name: string }[]): LabelSet {
  return { labels: labels.map(({ value, name }, index) => ({ value, name, color: labelPalette[index % labelPalette.length] ?? labelPalette[0], locked: false })) };
}

/**
 * The labelled cases of two folders of equally named files, or of a `dataset.json` (MSD, nnU-Net), which also names the labels. With
 * both, the folders say which cases and the description what the labels mean. Throws `not-found` where there is no pair.
 */
export async function trainingInput(images: string | undefined, labels: string | undefined, description: string | undefined): Promise<TrainingInput> {
  const described: Dataset | undefined = description === undefined ? undefined : await readDataset(description);
  const pairs = images === undefined ? described : await matchPairs(images, labels);
  if (pairs === undefined) throw new StudioError('usage', 'Give the folders with --images and --labels, or a description with --dataset.');
  const cases = pairs.cases.flatMap(({ name, image, label }) => (label === undefined ? [] : [{ name, image, labels: label }]));
  if (cases.length === 0) throw new StudioError('not-found', `There is no image with a mask of the same name${images === undefined ? '' : ` in ${images} and ${labels ?? images}`}.`);
  const tooLarge = described?.labels.find(({ value }) => value > 255);
  if (tooLarge !== undefined) throw new StudioError('unsupported', `The label value ${tooLarge.value} is above 255, which masks here cannot hold.`);
  return {
    cases, modality: described?.modality ?? pairs.modality, leftOut: pairs.leftOut,
    labelSet: described === undefined || described.labels.length === 0 ? undefined : labelSetFrom(described.labels),
  };
}

/** The labels that a `dataset.json` names. */
export async function datasetLabels(description: string): Promise<{ value: number; name: string }[]> {
  return [...(await readDataset(description)).labels];
}
