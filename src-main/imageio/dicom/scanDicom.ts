import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ReportProgress } from '#shared/base/progress.ts';
import { containedFile } from '../containedFile.ts';
import { asFileError, unsupportedFile } from '../failure.ts';
import type { Skipped } from '../scanPaths.ts';
import type { DicomReferences } from '../types.ts';
import { describeDicomFile } from './describe.ts';
import type { Frame } from './frames.ts';
import { groupFrames, placesOf, separateVolumes, volumesIn } from './geometry.ts';

export interface FoundSeries {
  readonly paths: readonly string[];
  readonly folder: string;
  readonly label: string;
  readonly format: 'dicom' | 'dicom-seg' | 'rtstruct';
  readonly kind: 'image' | 'labels';
  /** Volumes that the very same files hold, to be read by number. */
  readonly volumes: number;
  /** One volume of a series that holds several at the same places: which, from 1, and of how many. */
  readonly part: { readonly number: number; readonly count: number } | null;
  readonly refersTo?: DicomReferences;
}

interface ScannedDicom {
  readonly candidates: FoundSeries[];
  readonly skipped: Skipped[];
  /** DICOMDIR files: what they name is listed, they are no images. */
  readonly aside: string[];
}

/**
 * Groups files into series by identifier and geometry; segmentations and structure sets stand alone. Single pictures beside a series (scout views)
 * are left out. With `follows`, what a DICOMDIR names is read, too; what it names and is not there is listed either way.
 */
export async function scanDicomFiles(files: readonly string[], report: ReportProgress, follows: boolean): Promise<ScannedDicom> {
  const scanned: ScannedDicom = { candidates: [], skipped: [], aside: [] };
  const frames: Frame[] = [];
  const waiting = [...files];
  const seen = new Set(files);
  for (let n = 0; n < waiting.length; n++) {
    const path = waiting[n] as string;
    if (n % 50 === 0) report({ phase: 'Sorting DICOM files', fraction: n / waiting.length });
    try {
      const found = await describeDicomFile(path);
      if (found.kind === 'frames') frames.push(...found.frames);
      else if (found.kind === 'directory') {
        scanned.aside.push(path);
        for (const named of await namedFiles(path, found.files, scanned.skipped))
          if (follows && !seen.has(named)) {
            seen.add(named);
            waiting.push(named);
          }
      } else if (found.kind === 'other') scanned.skipped.push({ path, reason: unsupportedFile(path, found.reason).message });
      else
        scanned.candidates.push({
          paths: [path],
          folder: dirname(path),
          label: `${found.kind === 'structures' ? 'structure set' : 'segmentation'} ${found.seriesNumber}`,
          format: found.kind === 'structures' ? 'rtstruct' : 'dicom-seg',
          kind: 'labels',
          volumes: 1,
          part: null,
          refersTo: found.refersTo,
        });
    } catch (error) {
      scanned.skipped.push({ path, reason: asFileError(path, error).message });
    }
  }
  addSeries(frames, scanned);
  return scanned;
}

function addSeries(frames: readonly Frame[], { candidates, skipped }: ScannedDicom): void {
  const parts = new Map<string, number>();
  const add = (first: Frame, volume: Omit<FoundSeries, 'folder' | 'label' | 'format' | 'kind'>): void => {
    const number = (parts.get(first.seriesInstanceUid) ?? 0) + 1;
    parts.set(first.seriesInstanceUid, number);
    const label = `series ${first.seriesNumber}${number > 1 ? ` part ${number}` : ''}`;
    candidates.push({ ...volume, folder: dirname(first.path), label, format: 'dicom', kind: 'image' });
  };
  const stacks = groupFrames(frames).flatMap((group) => {
    const volumes = separateVolumes(group);
    return volumes.map((stack, n) => ({ stack, part: volumes.length > 1 ? { number: n + 1, count: volumes.length } : null }));
  });
  for (const together of byFiles(stacks)) {
    const all = together.flatMap(({ stack }) => stack);
    const [first] = all;
    if (!first) continue;
    const paths = [...new Set(all.map(({ path }) => path))];
    // Copies of a slice make no volume.
    const slices = Math.max(...together.map(({ stack }) => placesOf(stack).length));
    if (slices < 3)
      skipped.push(
        ...paths.map((path) => ({
          path,
          reason: unsupportedFile(
            path,
            `is one of only ${slices} ${slices === 1 ? 'slice' : 'slices'} of its series and orientation, too few for a volume.`,
          ).message,
        })),
      );
    else if (together.length === 1) add(first, { paths, volumes: 1, part: together[0]?.part ?? null });
    // Several volumes in the same files: by number; else the largest is read, which has to be most of it.
    else
      add(first, {
        paths,
        volumes: together.every(({ stack }) => placesOf(stack).length === slices) ? volumesIn(all).length : 1,
        part: null,
      });
  }
}

/** Stacks that share files, together. */
function byFiles<T extends { readonly stack: readonly Frame[] }>(stacks: readonly T[]): T[][] {
  const owner = new Map<string, T[]>();
  const groups = new Set<T[]>();
  for (const one of stacks) {
    const paths = new Set(one.stack.map(({ path }) => path));
    const merged = [...new Set([...paths].flatMap((path) => owner.get(path) ?? []))];
    const group = [...new Set([...merged, one])];
    for (const each of groups) if (each.some((other) => merged.includes(other))) groups.delete(each);
    groups.add(group);
    for (const each of group) for (const { path } of each.stack) owner.set(path, group);
  }
  return [...groups];
}

/** The files that a DICOMDIR names, as they are called on disk. What is not there, or leads out of its folder, is listed. */
async function namedFiles(directory: string, names: readonly string[], skipped: Skipped[]): Promise<string[]> {
  const found: string[] = [];
  const listed = new Map<string, Promise<string[]>>();
  const list = (folder: string): Promise<string[]> => {
    const there = listed.get(folder) ?? readdir(folder).catch(() => []);
    listed.set(folder, there);
    return there;
  };
  for (const name of names) {
    const asNamed = await containedFile(dirname(directory), await nameOnDisk(dirname(directory), name, list));
    if ('path' in asNamed) found.push(asNamed.path);
    else
      skipped.push({
        path: join(dirname(directory), ...name.split('/').filter((part) => part !== '..')),
        reason: `${basename(directory)} names it: ${asNamed.reason}`,
      });
  }
  return found;
}

/** Media names are capitals; a copy on disk may have them small, or with a version behind (";1"). */
async function nameOnDisk(folder: string, name: string, list: (folder: string) => Promise<string[]>): Promise<string> {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    const there = part === '..' ? [] : await list(join(folder, ...parts));
    parts.push(
      there.includes(part) ? part : (there.find((each) => each.replace(/;\d+$/, '').toUpperCase() === part.toUpperCase()) ?? part),
    );
  }
  return parts.join('/');
}
