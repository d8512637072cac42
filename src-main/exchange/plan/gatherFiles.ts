import { stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { toWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { readDataset } from '#main/imageio/dataset.ts';
import { labelNamesIn, type LabelNames } from '#main/imageio/labelNames.ts';
import { pairMasks, type FoundFile, type FoundSeries, type ImageGroup } from '#main/imageio/pairMasks.ts';
import type { DicomReferences } from '#main/imageio/readImage.ts';
import { scanFolder } from '#main/imageio/scan.ts';
import type { PlanAnswers } from './answers.ts';
import type { SkippedFile } from './importPlan.ts';

/** A group with the names that a description or a list beside its masks gives their values. */
export interface GatheredGroup extends Omit<ImageGroup, 'names'> {
  /** What each image is called: its channel; empty where nothing names it. */
  readonly imageNames: readonly string[];
  /** What the data set calls the case, or the folder and number of a series; null: after its file. */
  readonly name: string | null;
  readonly names: LabelNames;
  readonly isDicom: boolean;
  /** Volumes that the image's files hold, to be read by number. */
  readonly volumes: number;
  /** What a description calls the volumes or channels of an image; empty where it calls them nothing. */
  readonly channels: readonly string[];
}

/** A DICOM segmentation or structure set, and the images that it names. */
export interface FoundSegmentation {
  readonly paths: readonly string[];
  readonly refersTo: DicomReferences;
  readonly isContours: boolean;
}

/** Files that hold several volumes of one place: a 4-D file, or a series with several pictures of each slice. */
export interface SeveralVolumes {
  readonly path: string;
  readonly count: number;
}

/** Which of several volumes are taken: one by its number (from 1), each as a case, all as the channels of one case, or none that nothing names. */
export type VolumeChoice = number | 'each' | 'channels' | null;

/** What a person says of images that could be one case's. */
export interface Joining {
  /** Of files and series that hold several volumes. */
  readonly volume: VolumeChoice;
  /** Images that belong together and lie on other voxels lie where their headers say, in one world. */
  readonly sameCoordinates: boolean;
  /** DICOM series of one study and frame of reference are one case. */
  readonly studies: boolean;
  /** Files that are numbered like nnU-Net's channels, outside its folders, are images of one case; null: as their number says. */
  readonly numbered: boolean | null;
}

export interface Gathered {
  readonly groups: GatheredGroup[];
  /** DICOM segmentations and structure sets, whose images are found by what they refer to. */
  readonly segmentations: FoundSegmentation[];
  readonly several: SeveralVolumes[];
  /** Masks that no image is called like, with the names of their values. */
  readonly lonely: { readonly path: string; readonly names: LabelNames }[];
  /** Names of labels that descriptions say to lie inside others. */
  readonly nested: { readonly name: string; readonly outer: string }[];
  readonly skipped: SkippedFile[];
  readonly aside: string[];
}

interface Options {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  readonly volume: VolumeChoice;
  readonly answers: PlanAnswers;
}

/** All files below the sources, in groups of images and their masks; decodes nothing. A file that two sources name is taken once. */
export async function gatherFiles(sources: readonly string[], options: Options): Promise<Gathered> {
  const gathered: Gathered = { groups: [], segmentations: [], several: [], lonely: [], nested: [], skipped: [], aside: [] };
  const seen = new Set<string>();
  for (const { folder, files } of await rootsOf(sources, gathered.skipped)) {
    try {
      await gatherRoot(folder, files, gathered, seen, options);
    } catch (error) {
      const { code, message } = toWireError(error);
      if (code === 'cancelled') throw error;
      gathered.skipped.push({ path: folder, code, message });
    }
  }
  return gathered;
}

interface Root {
  readonly folder: string;
  /** Files that were chosen one by one. */
  readonly files?: readonly string[];
}

/** Files of one folder that were chosen one by one belong together. A `dataset.json` stands for its folder. */
async function rootsOf(sources: readonly string[], skipped: SkippedFile[]): Promise<Root[]> {
  const folders = new Map<string, string[] | null>();
  for (const source of sources.map((each) => resolve(each))) {
    const found = await stat(source).catch(() => null);
    if (found === null) skipped.push({ path: source, code: 'not-found', message: `${basename(source)} is not there.` });
    else if (found.isDirectory()) folders.set(source, null);
    else if (basename(source) === 'dataset.json') folders.set(dirname(source), null);
    else if (folders.get(dirname(source)) !== null) folders.set(dirname(source), [...(folders.get(dirname(source)) ?? []), source]);
  }
  return [...folders].map(([folder, files]) => (files === null ? { folder } : { folder, files: [...new Set(files)] }));
}

async function gatherRoot(
  folder: string,
  files: readonly string[] | undefined,
  gathered: Gathered,
  seen: Set<string>,
  options: Options,
): Promise<void> {
  const scanned = await scanFolder(folder, { ...options, ...(files && { files }) });
  const isNew = (path: string): boolean => !seen.has(path) && seen.add(path) !== undefined;
  const candidates = scanned.candidates.filter(({ paths }) => paths.every((path) => !seen.has(path)));
  for (const { paths } of candidates) for (const path of paths) seen.add(path);
  const unread = scanned.skipped.filter(({ path }) => isNew(path));
  gathered.aside.push(...scanned.aside.filter(isNew));
  const described = await describedGroups(
    scanned.aside.filter((path) => basename(path) === 'dataset.json'),
    new Map(
      candidates.flatMap(({ format, paths, volumes: count }) =>
        /^(dicom|rtstruct)/.test(format) ? [] : paths.map((path) => [path, count] as const),
      ),
    ),
    gathered,
  );
  // What a description says of a file says more than why it could not be read.
  const said = new Set(gathered.skipped.map(({ path }) => path));
  gathered.skipped.push(
    ...unread.filter(({ path }) => !said.has(path)).map(({ path, reason }) => ({ path, code: 'unsupported' as const, message: reason })),
  );
  gathered.groups.push(...described.groups);

  const name = basename(folder) || 'root';
  const below = (path: string): string => [name, ...relative(folder, path).split(sep)].filter((part) => part !== '').join('/');
  const volumes: FoundFile[] = [];
  const series: FoundSeries[] = [];
  for (const { paths, format, part, volumes: count, refersTo } of candidates) {
    const [first = ''] = paths;
    if (count > 1) gathered.several.push({ path: first, count });
    if (part?.number === 1) gathered.several.push({ path: first, count: part.count });
    if (format === 'dicom-seg' || format === 'rtstruct')
      gathered.segmentations.push({
        paths,
        refersTo: refersTo ?? { series: [], framesOfReference: [] },
        isContours: format === 'rtstruct',
      });
    else if (part !== null && !isTaken(part, options.volume))
      gathered.skipped.push(...paths.map((path) => ({ path, code: 'unsupported' as const, message: volumeNotTaken(path, part, options) })));
    else if (format === 'dicom') series.push({ paths, root: folder, relativeFolder: below(dirname(first)) });
    else if (!described.taken.has(first)) volumes.push({ path: first, root: folder, relative: below(first) });
  }
  const { groups, skipped, lonely } = pairMasks(volumes, series, described.channelsFor);
  gathered.skipped.push(...skipped.map(({ path, reason }) => ({ path, code: 'unsupported' as const, message: reason })));
  const namesFor = async (image: string, paths: readonly string[]): Promise<LabelNames> =>
    new Map([...described.namesFor(image), ...(await namesBeside(paths, folder))]);
  for (const path of lonely) gathered.lonely.push({ path, names: await namesFor(path, [path]) });
  const countOf = new Map(candidates.map(({ paths, volumes: count }) => [paths[0] ?? '', count]));
  const dicom = new Map(candidates.filter(({ format }) => format === 'dicom').map(({ paths, name: called }) => [paths, called]));
  for (const { names, ...group } of groups) {
    const [image = []] = group.images;
    const channels = described.channelsFor(image[0] ?? '');
    gathered.groups.push({
      ...group,
      imageNames: imageNames(names, channels),
      name: dicom.get(image) ?? null,
      names: await namesFor(image[0] ?? '', [...group.masks.map(({ path }) => path), image[0] ?? '']),
      isDicom: dicom.has(image),
      volumes: countOf.get(image[0] ?? '') ?? 1,
      channels,
    });
  }
}

/** nnU-Net's numbers by what the description calls them; of a lone image that nothing describes, a number says nothing. */
function imageNames(names: readonly string[], channels: readonly string[]): string[] {
  const [only = ''] = names;
  if (names.length === 1 && only === '') return [channels.length === 1 ? (channels[0] ?? '') : ''];
  return names.map((name) => (/^\d+$/.test(name) ? (channels[Number(name)] ?? (names.length > 1 ? name : '')) : name));
}

/** Lists of labels beside the masks, and in the folders above them as far as the chosen one. */
async function namesBeside(masks: readonly string[], root: string): Promise<LabelNames> {
  const names = new Map<number, string>();
  const folders = new Set<string>();
  for (const path of masks)
    for (let folder = dirname(path); folder === root || folder.startsWith(root + sep); folder = dirname(folder)) {
      folders.add(folder);
      if (folder === dirname(folder)) break;
    }
  for (const folder of [...folders].sort((a, b) => a.length - b.length))
    for (const [value, name] of await labelNamesIn(folder)) names.set(value, name);
  return names;
}

function isTaken(part: { readonly number: number }, choice: VolumeChoice): boolean {
  // Volumes that lie in files of their own are not put together.
  return choice === 'each' || choice === 'channels' || choice === part.number;
}

/** Why a volume of several is left out. */
export function volumeNotTaken(
  path: string,
  { number, count }: { readonly number?: number; readonly count: number },
  { volume: choice, answers }: Pick<Options, 'volume' | 'answers'>,
  channels: readonly string[] = [],
): string {
  const name = basename(path);
  const called = channels.length === count && count > 1 ? ` (${channels.slice(0, 8).join(', ')} in its dataset.json)` : '';
  if (choice !== null)
    return number === undefined
      ? `${name} holds ${String(count)} volumes${called}, and not the one that was chosen.`
      : `${name} belongs to volume ${String(number)} of ${String(count)} of its series; another one was chosen.`;
  return `${name} ${number === undefined ? 'holds' : 'belongs to a series of'} ${String(count)} volumes${called}. ${answers.volumes(count)}`;
}

interface Described {
  readonly groups: GatheredGroup[];
  readonly taken: ReadonlySet<string>;
  readonly namesFor: (path: string) => LabelNames;
  readonly channelsFor: (path: string) => readonly string[];
}

/** What data sets' descriptions list. Files beside that they do not list are paired like any others, with the names of the description. */
async function describedGroups(
  descriptions: readonly string[],
  found: ReadonlyMap<string, number>,
  gathered: Gathered,
): Promise<Described> {
  const groups: GatheredGroup[] = [];
  const taken = new Set<string>();
  const namesOf = new Map<string, LabelNames>();
  const channelsOf = new Map<string, readonly string[]>();
  const take = (path: string): boolean => found.has(path) && !taken.has(path) && taken.add(path) !== undefined;
  for (const description of descriptions) {
    try {
      const dataset = await readDataset(description);
      const names = new Map(dataset.labels.map(({ value, name }) => [value, name]));
      for (const { name, inside } of dataset.labels)
        if (inside !== undefined) gathered.nested.push({ name, outer: names.get(inside) ?? '' });
      namesOf.set(dirname(description), names);
      channelsOf.set(dirname(description), dataset.channels);
      for (const { path, reason } of dataset.skipped)
        if (!found.has(path)) gathered.skipped.push({ path: resolve(dirname(description), path), code: 'unsupported', message: reason });
      for (const { name, image, further, label } of dataset.cases) {
        if (!dataset.isListed || !take(image)) continue;
        if (label !== undefined) taken.add(label);
        const images = [image, ...further].map((path, n) => ({ path, name: dataset.channels[n] ?? '' }));
        const together = images.filter(({ path }, n) => n === 0 || take(path));
        groups.push({
          name,
          images: together.map(({ path }) => [path]),
          imageNames: dataset.channels.length === images.length ? together.map((each) => each.name) : together.map(() => ''),
          isLoose: false,
          masks: label !== undefined && found.has(label) ? [{ path: label, structure: null, byFolder: false }] : [],
          names,
          isDicom: false,
          volumes: found.get(image) ?? 1,
          channels: dataset.channels,
        });
      }
    } catch (error) {
      const { code, message } = toWireError(error);
      const at = gathered.aside.indexOf(description);
      if (at >= 0) gathered.aside.splice(at, 1);
      gathered.skipped.push({ path: description, code, message });
    }
  }
  const homeOf = (path: string): string =>
    [...namesOf.keys()].filter((folder) => path.startsWith(folder + sep)).sort((a, b) => b.length - a.length)[0] ?? '';
  return {
    groups,
    taken,
    namesFor: (path) => namesOf.get(homeOf(path)) ?? new Map<number, string>(),
    channelsFor: (path) => channelsOf.get(homeOf(path)) ?? [],
  };
}
