import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { labelsOfRegions } from '#shared/domain/regions.ts';
import { modalityOfName } from '#shared/domain/modality.ts';
import { distinctNames } from '#main/files/outputs.ts';
import { asFileError, invalidFile } from './failure.ts';
import { containedFile } from './containedFile.ts';
import { imageStem, isVolumeName } from './endings.ts';
import { pairMasks, withoutImage } from './pairMasks.ts';
import type { Skipped } from './scanPaths.ts';
import type { Modality } from './types.ts';

export interface DatasetCase {
  readonly name: string;
  /** Absolute path. */
  readonly image: string;
  /** Further channels of the same case, in order. */
  readonly further: readonly string[];
  /** What the names of all its files call them: nnU-Net's numbers ('0001'), sequences ('flair'); empty where a list says what belongs together. */
  readonly names: readonly string[];
  readonly label?: string;
}

export interface DatasetLabel {
  readonly value: number;
  readonly name: string;
  /** The value of the label that it lies inside of. */
  readonly inside?: number;
}

export interface Dataset {
  readonly name: string;
  readonly modality: Modality;
  /** What its channels, or the volumes of a 4-D image, are called, in their order. */
  readonly channels: readonly string[];
  /** Ascending, without background; empty where nothing names them. */
  readonly labels: readonly DatasetLabel[];
  readonly cases: readonly DatasetCase[];
  /** The description lists its cases; else they are what lies in its folders. */
  readonly isListed: boolean;
  readonly skipped: readonly Skipped[];
}

const descriptionLimit = 64 << 20;

/**
 * Reads an MSD or nnU-Net (v1 and v2) `dataset.json`: the listed pairs, or else those of imagesTr and labelsTr, and as unlabelled cases
 * those of imagesTs and imagesUnlabelled. Only files inside the data set's folder are taken; what is left out is listed with its reason.
 * Cases of one file name in different folders are told apart by these. Throws `invalid-file` or `not-found`.
 */
export async function readDataset(path: string): Promise<Dataset> {
  const description = await readDescription(path);
  const root = dirname(resolve(path));
  const skipped: Skipped[] = [];
  const listed = new Map<string, Omit<DatasetCase, 'name'>>();
  const add = async (images: unknown, label: unknown): Promise<void> => {
    const [first, ...others] = Array.isArray(images) ? (images as unknown[]) : [images];
    const entry = await containedFile(root, first);
    if ('reason' in entry) {
      skipped.push({ path: shown(first), reason: entry.reason });
      return;
    }
    const mask = label === undefined ? null : await containedFile(root, label);
    if (mask && 'reason' in mask) skipped.push({ path: shown(label), reason: `${mask.reason} The image is taken without it.` });
    const further = (await Promise.all(others.map((other) => containedFile(root, other)))).flatMap((other) =>
      'path' in other ? [other.path] : [],
    );
    if (!listed.has(entry.path))
      listed.set(entry.path, { image: entry.path, further, names: [], ...(mask && 'path' in mask && { label: mask.path }) });
  };
  for (const item of listedPairs(description)) await add(item.image, item.label);
  const isListed = listed.size > 0;
  for (const item of Array.isArray(description['test']) ? description['test'] : [])
    await add(isRecord(item) ? item['image'] : item, undefined);
  const cases: Omit<DatasetCase, 'name'>[] = [...listed.values()];
  const addFolder = async (images: string, labels: string | null): Promise<void> => {
    for (const pair of await pairsOf(root, images, labels, skipped)) if (!listed.has(pair.image)) cases.push(pair);
  };
  if (!isListed) await addFolder('imagesTr', 'labelsTr');
  for (const folder of ['imagesTs', 'imagesUnlabelled', 'imagesUnlabeled']) await addFolder(folder, null);
  return {
    name: typeof description['name'] === 'string' ? description['name'] : basename(root),
    modality: modalityOf(description['channel_names'] ?? description['modality']),
    channels: channelsOf(description['channel_names'] ?? description['modality']),
    labels: labelsOf(description['labels'], description['regions_class_order']),
    cases: named(cases),
    isListed,
    skipped,
  };
}

/**
 * Pairs images with segmentations of the same file name in another folder (endings, nnU-Net's channel numbers and suffixes such as `_seg`,
 * `_label` and `_mask` aside). Without `labelsFolder` all are unlabelled, unless pairs lie in the one folder. Throws `not-found`.
 */
export async function matchPairs(imagesFolder: string, labelsFolder?: string): Promise<Dataset> {
  const root = resolve(imagesFolder);
  const skipped: Skipped[] = [];
  await stat(root).catch((error: unknown) => {
    throw asFileError(root, error);
  });
  const cases = named(await matched(root, labelsFolder === undefined ? root : resolve(labelsFolder), skipped));
  return { name: basename(root), modality: 'unknown', channels: [], labels: [], cases, isListed: false, skipped };
}

function named(cases: readonly Omit<DatasetCase, 'name'>[]): DatasetCase[] {
  const names = distinctNames(
    cases.map(({ image }) => image),
    caseName,
  );
  return cases.map((one, n) => ({ ...one, name: names[n] ?? '' }));
}

async function readDescription(path: string): Promise<Record<string, unknown>> {
  const found = await stat(path).catch((error: unknown) => {
    throw asFileError(path, error);
  });
  if (!found.isFile() || found.size > descriptionLimit) throw invalidFile(path, 'is no data set description.');
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isRecord(value)) return value;
  } catch (error) {
    throw invalidFile(path, 'is not valid JSON.', error);
  }
  throw invalidFile(path, 'is no data set description.');
}

/** MSD and nnU-Net v1: `training`; nnU-Net v2 may have `dataset`, a record of cases. */
function listedPairs(description: Record<string, unknown>): { image: unknown; label: unknown }[] {
  const training = Array.isArray(description['training']) ? description['training'] : [];
  const dataset = isRecord(description['dataset']) ? Object.values(description['dataset']) : [];
  return [...training, ...dataset].filter(isRecord).map((item) => ({ image: item['image'] ?? item['images'], label: item['label'] }));
}

async function pairsOf(
  root: string,
  images: string,
  labels: string | null,
  skipped: Skipped[],
): Promise<readonly Omit<DatasetCase, 'name'>[]> {
  const folder = join(root, images);
  const found = await stat(folder).catch(() => null);
  if (!found?.isDirectory()) return [];
  return matched(folder, labels === null ? null : join(root, labels), skipped);
}

async function matched(
  imagesFolder: string,
  labelsFolder: string | null,
  skipped: Skipped[],
): Promise<readonly Omit<DatasetCase, 'name'>[]> {
  const files = async (folder: string): Promise<string[]> =>
    (await readdir(folder, { withFileTypes: true }).catch(() => []))
      .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && isVolumeName(entry.name))
      .map((entry) => join(folder, entry.name))
      .sort();
  const together = labelsFolder === imagesFolder;
  const all = await files(imagesFolder);
  const found = together
    ? all.map((path) => ({ path, root: '', relative: `data/${basename(path)}` }))
    : [
        ...all.map((path) => ({ path, root: '', relative: `data/imagesTr/${basename(path)}`, kind: 'image' as const })),
        ...(labelsFolder === null ? [] : await files(labelsFolder)).map((path) => ({
          path,
          root: '',
          relative: `data/labelsTr/${basename(path)}`,
          kind: 'mask' as const,
        })),
      ];
  const paired = pairMasks(found, []);
  skipped.push(...paired.skipped, ...paired.lonely.map((path) => ({ path, reason: withoutImage(path) })));
  return paired.groups.map(({ images, names, masks }) => {
    const [image = '', ...further] = images.flat();
    const [mask, ...others] = masks;
    for (const { path } of others)
      skipped.push({ path, reason: `${basename(path)} holds one structure of several, which is not read here.` });
    return { image, further, names, ...(mask && { label: mask.path }) };
  });
}

/** File name without what does not tell a case from others: its ending, a first channel's number and words for an image. */
export function caseName(path: string): string {
  return imageStem(path)
    .replace(/_0000$/, '')
    .replace(/[._-](seg|segmentation|label|labels|mask|gt|roi|image|img)$/i, '');
}

/** What an entry names, for the list of what was left out. */
function shown(entry: unknown): string {
  return (typeof entry === 'string' ? entry : (JSON.stringify(entry) ?? '')).slice(0, 200);
}

/** MSD writes {"1": "liver"}, nnU-Net v2 {"liver": 1}, or {"liver": [1, 2], "tumour": 2} where one contains another. */
function labelsOf(labels: unknown, order: unknown): DatasetLabel[] {
  if (!isRecord(labels)) return [];
  if (Object.values(labels).some((value) => Array.isArray(value) && value.length > 1)) {
    const written: readonly unknown[] = Array.isArray(order) ? order : [];
    const ignore = labels['ignore'];
    const regions = Object.entries(labels)
      .filter(([name]) => name !== 'background' && name !== 'ignore')
      .map(([name, value], n) => ({
        name,
        values: (Array.isArray(value) ? value : [value]).map(Number).filter(isLabelValue),
        written: Number(written[n]),
      }));
    return [...labelsOfRegions(regions), ...(isLabelValue(Number(ignore)) ? [{ value: Number(ignore), name: 'ignore' }] : [])];
  }
  return Object.entries(labels)
    .map(([key, value]) =>
      typeof value === 'string' ? { value: Number(key), name: value } : { value: Number(Array.isArray(value) ? NaN : value), name: key },
    )
    .filter(({ value }) => isLabelValue(value))
    .sort((a, b) => a.value - b.value);
}

const isLabelValue = (value: number): boolean => Number.isInteger(value) && value > 0 && value <= 65535;

function channelsOf(channels: unknown): string[] {
  return isRecord(channels) ? Object.values(channels).map((name) => (typeof name === 'string' ? name.slice(0, 40) : '')) : [];
}

function modalityOf(channels: unknown): Modality {
  const first = isRecord(channels) ? Object.values(channels)[0] : undefined;
  return typeof first === 'string' ? modalityOfName(first) : 'unknown';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
