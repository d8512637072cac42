import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { ChannelFiles } from '#shared/domain/trainingCase.ts';
import { readDataset } from '#main/imageio/dataset.ts';
import { imageStem, isVolumeName } from '#main/imageio/endings.ts';
import { channelNames, channelsOf } from '#main/project/trainingInput.ts';

export interface BedCase {
  readonly name: string;
  /** Absolute path. */
  readonly image: string;
  readonly labels?: string;
  /** All images of the case, where some case has several. */
  readonly channels?: readonly ChannelFiles[];
}

/** What an experiment measures on. */
export interface Bed {
  /** Ascending; empty where nothing names them. */
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  readonly modality: 'CT' | 'MR' | 'unknown';
  /** What the images of a case are called; undefined where each has one. */
  readonly channels: readonly string[] | undefined;
  readonly labelled: readonly (BedCase & { readonly labels: string })[];
  /** The set's own test cases; undefined where some of the labelled ones have to be set aside. */
  readonly test: readonly (BedCase & { readonly labels: string })[] | undefined;
  readonly unlabelled: readonly BedCase[];
}

export interface BedSource {
  /** A dataset.json, or the folder of a set: imagesTr and labelsTr; imagesTs with labelsTs (test) or without, and imagesUnlabelled. */
  readonly dataset: string;
  /** Names of the label values 1, 2, …, or VALUE=NAME each; what the description says unless given. */
  readonly labels?: readonly string[] | undefined;
  /** Which file alone of several of one case: the N of the ending _000N. All of them unless given. */
  readonly channel?: number | undefined;
}

/** Whose case it is: the name without the phase (_frame01) and the channel (_0000). */
export function patientOf(name: string): string {
  return name.replace(/_\d{4}$/, '').replace(/_frame\d+$/i, '');
}

/** Throws `not-found` where there is no case, `invalid-argument` for label names that are none. */
export async function readBed(source: BedSource): Promise<Bed> {
  const isFolder = (await stat(source.dataset).catch(() => undefined))?.isDirectory() === true;
  const described = isFolder ? join(source.dataset, 'dataset.json') : source.dataset;
  const bare = isFolder && (await stat(described).catch(() => undefined)) === undefined;
  const bed = bare ? await readFolder(source.dataset, source.channel) : await readDescribed(described);
  if (bed.labelled.length === 0) throw new StudioError('not-found', `There is no image with a mask in ${source.dataset}.`);
  return source.labels === undefined || source.labels.length === 0 ? bed : { ...bed, labels: source.labels.map(namedLabel) };
}

function namedLabel(text: string, index: number): { value: number; name: string } {
  const [, value, name] = /^(?:(\d+)=)?(.+)$/.exec(text) ?? [];
  if (name === undefined) throw new StudioError('invalid-argument', `A label is written NAME or VALUE=NAME, not "${text}".`);
  return { value: value === undefined ? index + 1 : Number(value), name };
}

const hasMask = (each: BedCase): each is BedCase & { readonly labels: string } => each.labels !== undefined;

async function readDescribed(path: string): Promise<Bed> {
  const dataset = await readDataset(path);
  const { labels, modality } = dataset;
  const channels = channelNames(dataset, dataset);
  const all = dataset.cases.map((each): BedCase => {
    const { name, image, label } = each;
    return { name, image, ...(label !== undefined && { labels: label }), ...(channels && { channels: channelsOf(each, channels) }) };
  });
  return { labels, modality, channels, labelled: all.filter(hasMask), test: undefined, unlabelled: all.filter((each) => !hasMask(each)) };
}

async function readFolder(root: string, channel: number | undefined): Promise<Bed> {
  const read = (images: string, labels?: string): Promise<BedCase[]> =>
    casesOf(join(root, images), labels === undefined ? undefined : join(root, labels), channel);
  const training = await read('imagesTr', 'labelsTr');
  const apart = await read('imagesTs', 'labelsTs');
  const test = apart.filter(hasMask);
  const numbers = new Set([...training, ...apart].flatMap(({ channels = [] }) => channels.map(({ name }) => name)));
  return {
    channels: numbers.size < 2 ? undefined : [...numbers].sort(),
    labels: [],
    modality: 'unknown',
    labelled: training.filter(hasMask),
    test: test.length === 0 ? undefined : test,
    unlabelled: [...training, ...apart, ...(await read('imagesUnlabelled'))].filter((each) => !hasMask(each)),
  };
}

async function casesOf(images: string, labels: string | undefined, channel: number | undefined): Promise<BedCase[]> {
  const names = async (folder: string): Promise<string[]> => (await readdir(folder).catch(() => [])).filter(isVolumeName).sort();
  const masks = new Map((labels === undefined ? [] : await names(labels)).map((file) => [imageStem(file), file]));
  const found = (await names(images)).map((file) => {
    const stem = imageStem(file);
    const [, name = stem, number] = /^(.*)_(\d{4})$/.exec(stem) ?? [];
    return { name, number, image: join(images, file) };
  });
  const cases = Map.groupBy(
    found.filter(({ number }) => channel === undefined || Number(number ?? 0) === channel),
    ({ name }) => name,
  );
  return [...cases].flatMap(([name, files]): BedCase[] => {
    const [first] = files;
    const mask = masks.get(name);
    if (first === undefined) return [];
    return [
      {
        name,
        image: first.image,
        ...(labels !== undefined && mask !== undefined && { labels: join(labels, mask) }),
        ...(channel === undefined &&
          first.number !== undefined && { channels: files.map(({ number = '', image }) => ({ name: number, image })) }),
      },
    ];
  });
}

/** The same cases with the masks of the same names in another folder. */
export function withMasks(
  cases: readonly (BedCase & { readonly labels: string })[],
  folder: string,
): (BedCase & { readonly labels: string })[] {
  return cases.map((each) => ({ ...each, labels: join(folder, basename(each.labels)) }));
}

/** The split depends on this alone, so that experiments on one data set compare. */
const SPLIT_SEED = 20240825;

/** Sets all cases of some patients aside for testing; the same ones in every study of a data set. */
export function splitCases<Case>(
  cases: readonly Case[],
  testPatients: number,
  nameOf: (each: Case) => string,
): { readonly test: Case[]; readonly pool: Case[] } {
  const patients = [...new Set(cases.map((each) => patientOf(nameOf(each))))].sort();
  const held = new Set(new Random(SPLIT_SEED).shuffle(patients).slice(0, testPatients));
  const test = (each: Case): boolean => held.has(patientOf(nameOf(each)));
  return { test: cases.filter(test), pool: cases.filter((each) => !test(each)) };
}

/** All cases of the patients of a pool that a seed's trials begin with. */
export function drawCases<Case>(pool: readonly Case[], patients: number, seed: number, nameOf: (each: Case) => string): Case[] {
  const all = [...new Set(pool.map((each) => patientOf(nameOf(each))))].sort();
  const drawn = new Random(1000 + seed).shuffle(all).slice(0, patients);
  return drawn.flatMap((patient) => pool.filter((each) => patientOf(nameOf(each)) === patient));
}
