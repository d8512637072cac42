import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { toWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { matchPairs, readDataset, type Dataset } from '#main/imageio/dataset.ts';
import { scanFolder } from '#main/imageio/scan.ts';
import type { Refused } from './importCases.ts';

/** One case to be: its image's files and, where one belongs to it, its mask's. */
export interface ImportItem {
  readonly name: string;
  readonly image: readonly string[];
  readonly mask?: readonly string[];
}

export interface ImportPlan {
  readonly items: ImportItem[];
  /** Masks whose image is found by what they refer to (DICOM SEG). */
  readonly looseMasks: (readonly string[])[];
  /** Names that a data set gives its label values. */
  readonly labelNames: Map<number, string>;
  readonly refused: Refused[];
}

const pairFolders = [['imagesTr', 'labelsTr'], ['images', 'labels'], ['images', 'masks']] as const;

/** Finds out what files and folders hold; decodes nothing. What cannot be looked at is refused with its reason. */
export async function planImport(sources: readonly string[], options: { cancellation: Cancellation; report: ReportProgress }): Promise<ImportPlan> {
  const plan: ImportPlan = { items: [], looseMasks: [], labelNames: new Map(), refused: [] };
  for (const source of sources) {
    try {
      await planSource(resolve(source), plan, options);
    } catch (error) {
      const { code, message } = toWireError(error);
      if (code === 'cancelled') throw error;
      plan.refused.push({ path: source, code, message });
    }
  }
  return plan;
}

async function planSource(source: string, plan: ImportPlan, options: { cancellation: Cancellation; report: ReportProgress }): Promise<void> {
  const folder = await isFolder(source);
  if (folder === null) {
    plan.refused.push({ path: source, code: 'not-found', message: `${basename(source)} is not there.` });
    return;
  }
  if (!folder) {
    if (basename(source) === 'dataset.json') addDataset(await readDataset(source), plan);
    else plan.items.push({ name: caseNameOf(source), image: [source] });
    return;
  }
  if (await isFolder(join(source, 'dataset.json')) === false) {
    addDataset(await readDataset(join(source, 'dataset.json')), plan);
    return;
  }
  for (const [images, labels] of pairFolders) {
    if (await isFolder(join(source, images)) && await isFolder(join(source, labels))) {
      addDataset(await matchPairs(join(source, images), join(source, labels)), plan);
      return;
    }
  }
  await planFolder(source, plan, options);
}

/** Any folder: DICOM series as they are found, and in each folder of volume files the pairs that their names make. */
async function planFolder(source: string, plan: ImportPlan, options: { cancellation: Cancellation; report: ReportProgress }): Promise<void> {
  const { candidates, leftOut } = await scanFolder(source, options);
  for (const { path, reason } of leftOut) plan.refused.push({ path, code: 'unsupported', message: reason });
  const folders = new Set<string>();
  for (const candidate of candidates) {
    const [first] = candidate.paths;
    if (first === undefined) continue;
    if (candidate.format === 'dicom') plan.items.push({ name: candidate.name, image: candidate.paths });
    else if (candidate.format === 'dicom-seg') plan.looseMasks.push(candidate.paths);
    else folders.add(dirname(first));
  }
  const found = new Set(candidates.flatMap((candidate) => candidate.paths));
  for (const folder of folders) {
    const { cases } = await matchPairs(folder);
    const items = cases.filter(({ image }) => found.has(image));
    plan.items.push(...items.map(({ name, image, label }) => ({ name, image: [image], ...(label === undefined ? {} : { mask: [label] }) })));
    const taken = new Set(items.flatMap(({ image, label }) => [image, label]));
    // What pairs leave over (a mask alone, an unusual ending) is an image like any other.
    for (const path of found) if (dirname(path) === folder && !taken.has(path) && candidates.some((each) => each.paths[0] === path && !each.format.startsWith('dicom'))) plan.items.push({ name: caseNameOf(path), image: [path] });
  }
}

function addDataset(dataset: Dataset, plan: ImportPlan): void {
  for (const { value, name } of dataset.labels) plan.labelNames.set(value, name);
  for (const { path, reason } of dataset.leftOut) plan.refused.push({ path, code: 'unsupported', message: reason });
  plan.items.push(...dataset.cases.map(({ name, image, label }) => ({ name, image: [image], ...(label === undefined ? {} : { mask: [label] }) })));
}

/** File name without an image's ending. */
export function caseNameOf(path: string): string {
  return basename(path).replace(/\.(nii\.gz|nii|nrrd|nhdr|mha|mhd|hdr|img|dcm)$/i, '') || basename(path);
}

async function isFolder(path: string): Promise<boolean | null> {
  return stat(path).then((found) => found.isDirectory(), () => null);
}
