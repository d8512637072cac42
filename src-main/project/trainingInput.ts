import { StudioError } from '#shared/base/errors.ts';
import { labelSetFrom, type LabelSet } from '#shared/domain/labelSet.ts';
import type { ChannelFiles, LabelledCase, SkippedCase } from '#shared/domain/trainingCase.ts';
import { matchPairs, readDataset, type Dataset, type DatasetCase, type DatasetLabel } from '#main/imageio/dataset.ts';

export interface TrainingInput {
  readonly cases: readonly LabelledCase[];
  /** As the data set's description names it; undefined where nothing does. */
  readonly labelSet: LabelSet | undefined;
  readonly modality: 'CT' | 'MR' | 'unknown';
  /** What the images of a case are called, in their order; undefined where every case has one. */
  readonly channels: readonly string[] | undefined;
  readonly skipped: readonly SkippedCase[];
}

/**
 * The labelled cases of two folders of equally named files, or of a `dataset.json` (MSD, nnU-Net), which also names the labels. With
 * both, the folders say which cases and the description what the labels mean. Throws `not-found` where there is no pair.
 */
export async function trainingInput(
  images: string | undefined,
  labels: string | undefined,
  description: string | undefined,
): Promise<TrainingInput> {
  const described: Dataset | undefined = description === undefined ? undefined : await readDataset(description);
  const pairs = images === undefined ? described : await matchPairs(images, labels);
  if (pairs === undefined) throw new StudioError('usage', 'Give the folders with --images and --labels, or a description with --dataset.');
  const names = channelNames(described, pairs);
  const cases = pairs.cases.flatMap((each) => {
    const { name, image, label } = each;
    return label === undefined ? [] : [{ name, image, labels: label, ...(names && { channels: channelsOf(each, names) }) }];
  });
  if (cases.length === 0)
    throw new StudioError(
      'not-found',
      `There is no image with a mask of the same name${images === undefined ? '' : ` in ${images} and ${labels ?? images}`}.`,
    );
  const tooLarge = described?.labels.find(({ value }) => value > 255);
  if (tooLarge !== undefined)
    throw new StudioError('unsupported', `The label value ${tooLarge.value} is above 255, which masks here cannot hold.`);
  return {
    cases,
    channels: names,
    modality: described?.modality ?? pairs.modality,
    skipped: pairs.skipped,
    labelSet: described === undefined || described.labels.length === 0 ? undefined : labelSetFrom(described.labels),
  };
}

/** What a channel without a name is called: its number, as nnU-Net writes it. */
const channelNumber = (n: number): string => String(n).padStart(4, '0');

/** As the description has them; else as the files' names have it, where some case has several. Undefined where each has one. */
export function channelNames(described: Dataset | undefined, { cases }: Dataset): readonly string[] | undefined {
  const named = described?.channels ?? [];
  const several = cases.some(({ further }) => further.length > 0);
  // A description may name several where the files have one each: then they are volumes of it.
  if (named.length > 1 || (several && named.length > 0)) return named.map((name, n) => name || channelNumber(n));
  if (!several) return undefined;
  const called = [...new Set(cases.flatMap((each) => [each.image, ...each.further].map((_path, n) => nameOf(each, n, []))))];
  const isNumber = (name: string): boolean => /^\d+$/.test(name);
  return [...called.filter(isNumber).sort(), ...called.filter((name) => !isNumber(name))];
}

/** A file's number says which of the described channels it is; without a name it is the next one. */
function nameOf({ names }: DatasetCase, n: number, described: readonly string[]): string {
  const called = names[n] ?? '';
  if (/^\d+$/.test(called)) return described[Number(called)] ?? called;
  return called !== '' ? called : (described[n] ?? channelNumber(n));
}

/** Of one case, by these names. */
export function channelsOf(each: DatasetCase, described: readonly string[]): ChannelFiles[] {
  const { image, further, names } = each;
  // One file that the name calls nothing holds them all as its volumes.
  if (further.length === 0 && (names[0] ?? '') === '') return described.map((name, n) => ({ name, image, volume: n + 1 }));
  return [image, ...further].map((path, n) => ({ name: nameOf(each, n, described), image: path }));
}

/** The labels that a `dataset.json` names. */
export async function datasetLabels(description: string): Promise<DatasetLabel[]> {
  return [...(await readDataset(description)).labels];
}
