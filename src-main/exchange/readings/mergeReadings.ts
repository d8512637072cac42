/** A second reader's project: its masks become readings of the cases that have the same images. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { MaskRevision } from '#shared/domain/mask.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { labelCounts } from '#shared/segmentation/index.ts';
import { readMaskFile, writeMaskFile } from '#main/document/index.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import {
  addReading,
  everyCase,
  findImageByHash,
  getLabelSet,
  hasReading,
  latestMaskRevision,
  imageOf,
  imagesByCase,
  listLabelCodes,
  listRemovedLabels,
  type Project,
} from '#main/library/index.ts';
import { keepLabels, projectLabels } from '../keepLabels.ts';
import { admitLabels, keyOfLabel, planLabels, type SourceLabel } from '../plan/mapLabels.ts';

export interface MergeResult {
  /** Cases that gained a reading. */
  readonly added: string[];
  /** How many readings were there already. */
  there: number;
  /** Labels that this project did not have. */
  readonly newLabels: readonly string[];
  /** Cases of the other project that gave none, and why. */
  readonly skipped: { readonly name: string; readonly reason: string }[];
}

export interface MergeOptions {
  /** What the other reader is called; who accepted the masks, else the other project, unless given. */
  readonly reader?: string;
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

type Other = Pick<Project, 'paths' | 'info' | 'read'>;

interface Found {
  readonly caseId: string;
  readonly name: string;
  readonly revision: MaskRevision;
}

/**
 * Takes the newest accepted mask of each case of another project as a reading of the case here whose image has the same content. Labels find
 * each other by code and name; those that only the other project has are added. Throws `conflict` where the other project is this one, has two
 * labels of one name in a mask, or more labels than a project can; `cancelled` (what was added stays), `disk-full`, `io`.
 */
export async function mergeReadings(project: Project, other: Other, options: MergeOptions): Promise<MergeResult> {
  if (other.paths.folder === project.paths.folder) throw new StudioError('conflict', 'A project cannot be merged with itself.');
  const { found, skipped } = pairs(project, other);
  const theirs = [...getLabelSet(other.read).labels, ...listRemovedLabels(other.read)];
  const codes = listLabelCodes(other.read);
  const sourceOf = (value: number): SourceLabel => {
    const label = theirs.find((each) => each.value === value);
    const code = codes.find((each) => each.value === value);
    return {
      value,
      name: label?.name ?? `Label ${String(value)}`,
      ...(label !== undefined && { color: label.color }),
      ...(code !== undefined && { code: { key: code.key, meaning: code.meaning } }),
    };
  };
  const planned = planLabels(
    found.map(({ revision }) => Object.keys(revision.voxels).map((value) => sourceOf(Number(value)))),
    projectLabels(project),
  );
  const before = new Set(getLabelSet(project.read).labels.map(({ value }) => value));
  const admitted = admitLabels(planned, projectLabels(project), () => 'Rename one of them in the other project.');
  project.write.transaction(() => {
    keepLabels(project, planned, admitted);
  });
  const result: MergeResult = {
    added: [],
    there: 0,
    newLabels: admitted.labels.filter(({ value }) => !before.has(value)).map(({ name }) => name),
    skipped,
  };
  const values = new Uint8Array(65536);
  for (const value of theirs.map((each) => each.value).concat(found.flatMap(({ revision }) => Object.keys(revision.voxels).map(Number))))
    values[value] = admitted.valueOf.get(keyOfLabel(sourceOf(value))) ?? 0;
  for (const [n, each] of found.entries()) {
    throwIfCancelled(options.cancellation);
    options.report({ phase: 'Taking readings', detail: each.name, fraction: n / found.length });
    try {
      if (await take(project, other, each, values, options.reader)) result.added.push(each.caseId);
      else result.there++;
    } catch (error) {
      const { code, message } = toWireError(error);
      if (code === 'disk-full' || code === 'io') throw error;
      skipped.push({ name: each.name, reason: message });
    }
  }
  return result;
}

/** The cases of both projects that have one image. */
function pairs(project: Project, other: Other): { found: Found[]; skipped: MergeResult['skipped'] } {
  const found: Found[] = [];
  const skipped: MergeResult['skipped'] = [];
  const images = imagesByCase(other.read);
  for (const { id, name } of everyCase(other.read)) {
    const leading = images.get(id)?.[0];
    const here = findImageByHash(project.read, leading?.contentHash ?? '');
    const revision = latestMaskRevision(other.read, id);
    if (here === undefined || leading === undefined) skipped.push({ name, reason: 'Its image is not in this project.' });
    else if (revision === undefined) skipped.push({ name, reason: 'It has no accepted mask there.' });
    else if (!sameGrid(imageOf(project.read, here.caseId).grid, leading.grid))
      skipped.push({ name, reason: 'Its voxels do not lie where they do here.' });
    else found.push({ caseId: here.caseId, name, revision });
  }
  return { found, skipped };
}

/** False where the very same reading is there. */
async function take(
  project: Project,
  other: Other,
  { caseId, revision }: Found,
  values: Uint8Array,
  named: string | undefined,
): Promise<boolean> {
  const { grid, data } = await readMaskFile(other.paths.inside(revision.path));
  const volume = { grid, data: Uint8Array.from(data, (value) => values[value] as number) };
  const reader = (named ?? (revision.createdBy.trim() || other.info.name)).slice(0, 256);
  const path = join(project.paths.case(caseId), 'readings', `${randomUUID()}.mask`);
  makeFolderBelow(project.paths.folder, dirname(path));
  const contentHash = await writeMaskFile(path, volume);
  if (hasReading(project.read, { caseId, reader, contentHash })) {
    await rm(path, { force: true });
    return false;
  }
  addReading(project.write, {
    caseId,
    reader,
    project: other.info.name,
    path: project.paths.relative(path),
    contentHash,
    voxels: labelCounts(volume),
    madeAt: revision.createdAt,
  });
  return true;
}
