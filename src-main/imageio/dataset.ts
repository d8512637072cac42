import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { asFileError, invalidFile } from './failure.ts';
import { containedFile } from './containedFile.ts';
import type { LeftOut } from './scanPaths.ts';
import type { Modality } from './types.ts';

export interface DatasetCase {
  readonly name: string;
  /** Absolute path. */
  readonly image: string;
  readonly label?: string;
}

export interface Dataset {
  readonly name: string;
  readonly modality: Modality;
  /** Ascending, without background; empty where nothing names them. */
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  readonly cases: readonly DatasetCase[];
  readonly leftOut: readonly LeftOut[];
}

const imageEnding = /\.(nii|nii\.gz|nrrd|nhdr|mha|mhd)$/i;
const descriptionLimit = 64 << 20;

/**
 * Reads an MSD or nnU-Net (v1 and v2) `dataset.json`: the listed pairs, or else those of imagesTr and labelsTr, and as unlabelled cases
 * those of imagesTs and imagesUnlabelled. Only files inside the data set's folder are taken; what is left out is listed with its reason.
 * Only the first channel of several is taken. Throws `invalid-file` or `not-found`.
 */
export async function readDataset(path: string): Promise<Dataset> {
  const description = await readDescription(path);
  const root = dirname(resolve(path));
  const leftOut: LeftOut[] = [];
  const cases = new Map<string, DatasetCase>();
  const add = async (image: unknown, label: unknown): Promise<void> => {
    const entry = await containedFile(root, firstOf(image));
    if ('reason' in entry) {
      leftOut.push({ path: shown(firstOf(image)), reason: entry.reason });
      return;
    }
    const mask = label === undefined ? null : await containedFile(root, label);
    if (mask && 'reason' in mask) leftOut.push({ path: shown(label), reason: `${mask.reason} The image is taken without it.` });
    const name = caseName(entry.path);
    cases.set(name, mask && 'path' in mask ? { name, image: entry.path, label: mask.path } : { name, image: entry.path });
  };
  for (const item of listedPairs(description)) await add(item.image, item.label);
  if (cases.size === 0) for (const pair of await pairsOf(root, 'imagesTr', 'labelsTr', leftOut)) cases.set(pair.name, pair);
  for (const item of Array.isArray(description['test']) ? description['test'] : []) await add(isRecord(item) ? item['image'] : item, undefined);
  for (const folder of ['imagesTs', 'imagesUnlabelled', 'imagesUnlabeled']) {
    for (const pair of await pairsOf(root, folder, null, leftOut)) if (!cases.has(pair.name)) cases.set(pair.name, pair);
  }
  return {
    name: typeof description['name'] === 'string' ? description['name'] : basename(root),
    modality: modalityOf(description['channel_names'] ?? description['modality']),
    labels: labelsOf(description['labels']),
    cases: [...cases.values()],
    leftOut,
  };
}

/**
 * Pairs images with segmentations of the same file name in another folder (endings, nnU-Net's `_0000` and suffixes such as `_seg`, `_label`
 * and `_mask` aside). Without `labelsFolder` all are unlabelled, unless pairs lie in the one folder. Throws `not-found`.
 */
export async function matchPairs(imagesFolder: string, labelsFolder?: string): Promise<Dataset> {
  const root = resolve(imagesFolder);
  const leftOut: LeftOut[] = [];
  await stat(root).catch((error: unknown) => { throw asFileError(root, error); });
  const cases = await matched(root, labelsFolder === undefined ? root : resolve(labelsFolder), leftOut);
  return { name: basename(root), modality: 'unknown', labels: [], cases, leftOut };
}

async function readDescription(path: string): Promise<Record<string, unknown>> {
  const found = await stat(path).catch((error: unknown) => { throw asFileError(path, error); });
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

async function pairsOf(root: string, images: string, labels: string | null, leftOut: LeftOut[]): Promise<DatasetCase[]> {
  const folder = join(root, images);
  const found = await stat(folder).catch(() => null);
  if (!found?.isDirectory()) return [];
  return matched(folder, labels === null ? null : join(root, labels), leftOut);
}

async function matched(imagesFolder: string, labelsFolder: string | null, leftOut: LeftOut[]): Promise<DatasetCase[]> {
  const files = async (folder: string): Promise<string[]> =>
    (await readdir(folder, { withFileTypes: true }).catch(() => [])).filter((entry) => entry.isFile() && imageEnding.test(entry.name)).map((entry) => join(folder, entry.name)).sort();
  const together = labelsFolder === imagesFolder;
  const all = await files(imagesFolder);
  const masks = together ? all.filter((path) => labelSuffix.test(stem(path))) : labelsFolder === null ? [] : await files(labelsFolder);
  const byName = new Map(masks.map((path) => [caseName(path), path]));
  const cases: DatasetCase[] = [];
  for (const image of together ? all.filter((path) => !masks.includes(path)) : all) {
    if (/_000[1-9]$/.test(stem(image))) {
      leftOut.push({ path: image, reason: `${basename(image)} is a further channel; only the first is used.` });
      continue;
    }
    const name = caseName(image);
    const label = byName.get(name);
    byName.delete(name);
    cases.push(label === undefined ? { name, image } : { name, image, label });
  }
  for (const path of byName.values()) leftOut.push({ path, reason: `${basename(path)} has no image of the same name.` });
  return cases;
}

const labelSuffix = /[._-](seg|segmentation|label|labels|mask|gt|roi)$/i;

/** File name without an image's ending; what tells a mask (`.seg`) stays. */
function stem(path: string): string {
  return basename(path).replace(imageEnding, '');
}

function caseName(path: string): string {
  return stem(path).replace(/_0000$/, '').replace(labelSuffix, '').replace(/[._-](image|img)$/i, '');
}

/** What an entry names, for the list of what was left out. */
function shown(entry: unknown): string {
  return (typeof entry === 'string' ? entry : (JSON.stringify(entry) ?? '')).slice(0, 200);
}

function firstOf(image: unknown): unknown {
  return Array.isArray(image) ? image[0] : image;
}

/** MSD writes {"1": "liver"}, nnU-Net v2 {"liver": 1}; regions (lists of values) name no single label. */
function labelsOf(labels: unknown): { value: number; name: string }[] {
  if (!isRecord(labels)) return [];
  return Object.entries(labels)
    .map(([key, value]) => (typeof value === 'string' ? { value: Number(key), name: value } : { value: Number(Array.isArray(value) ? NaN : value), name: key }))
    .filter(({ value }) => Number.isInteger(value) && value > 0 && value <= 65535)
    .sort((a, b) => a.value - b.value);
}

function modalityOf(channels: unknown): Modality {
  const first = isRecord(channels) ? Object.values(channels)[0] : undefined;
  if (typeof first !== 'string') return 'unknown';
  return /^ct/i.test(first) ? 'CT' : /^(mr|t1|t2|flair|adc|dwi)/i.test(first) ? 'MR' : 'unknown';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
