/** Packs an improvement into a folder that runs on a machine which has nothing of the project: no library, no names, no paths of this computer. */
import { cp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { expected, type KnownImage } from '#shared/domain/image.ts';
import { copyDurably } from '#main/files/durable.ts';
import { makeFolderBelow, makeFolder } from '#main/files/makeFolder.ts';
import { StudioError } from '#shared/base/errors.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import type { HandedOver } from '#main/jobs/queue.ts';
import { improveRequest, type ImproveConfig } from '#main/jobs/requests/improve.ts';
import { INPUT } from '#main/jobs/submit/submission.ts';

export interface Submit {
  /** `slurm` with options of sbatch, or a command line that runs a worker. */
  readonly target: string;
  /** Where job folders go that others are to read; unless given, they stay in the project. */
  readonly sharedFolder?: string;
  /** Folders of this computer and how the other machine calls them: images below them are not packed but read there. */
  readonly mapped?: readonly { readonly from: string; readonly to: string }[];
}

/**
 * Images become plain volumes without anything that their files said of a patient, read back by the hash that the worker will ask for; cases are called
 * by their identifiers. Throws what reading an image throws, `disk-full`, `io`.
 */
export async function packImprovement(
  { id, folder, config: asked }: { readonly id: string; readonly folder: string; readonly config: unknown },
  { target, sharedFolder, mapped = [] }: Submit,
): Promise<HandedOver> {
  if (sharedFolder !== undefined && !isAbsolute(sharedFolder))
    throw new StudioError('invalid-argument', 'The shared folder is written as a full path.');
  const config = improveRequest.parse(asked);
  const place = sharedFolder === undefined ? null : join(sharedFolder, id);
  const home = place ?? folder;
  if (place !== null) makeFolder(place);
  const input = join(home, INPUT);
  await rm(input, { recursive: true, force: true });
  makeFolderBelow(home, input);
  const cases: ImproveConfig['cases'] = [];
  for (const each of config.cases) cases.push(await packCase(each, input, mapped));
  if (config.current !== null) await packModel(config.current.folder, join(input, 'model'));
  await packPretrained(config.learnedFolder, join(home, 'learned'));
  return {
    target,
    place,
    config: {
      ...config,
      cases,
      current: config.current === null ? null : { ...config.current, folder: join(input, 'model') },
      modelFolder: join(home, 'out', 'model'),
      learnedFolder: join(home, 'learned'),
    },
  };
}

async function packCase(
  each: ImproveConfig['cases'][number],
  input: string,
  mapped: NonNullable<Submit['mapped']>,
): Promise<ImproveConfig['cases'][number]> {
  const { id, contentHash, heldOut } = each;
  let mask: string | null = null;
  if (each.mask !== null) {
    const [from] = [each.mask].flat();
    if (from === undefined) throw new StudioError('corrupt', 'A case of this job has no mask file; accept it again.');
    mask = join(input, `${id}-mask-${basename(from).replace(/^[^.]*/, '')}`);
    copyDurably(from, mask);
  }
  const packed = { id, name: id, ...(contentHash !== undefined && { contentHash }), mask, heldOut };
  const leading = await packImage(each, join(input, `${id}.nii`), mapped);
  if (each.channels === undefined) return { ...packed, ...leading };
  const channels = [];
  for (const [n, channel] of each.channels.entries()) {
    const { name, placement, scale, contentHash: known } = channel;
    const files = n === 0 ? leading : await packImage(channel, join(input, `${id}-image-${n}.nii`), mapped);
    channels.push({ name, placement, scale, ...(known !== undefined && { contentHash: known }), ...files });
  }
  return { ...packed, ...leading, channels };
}

type Packed = KnownImage & Pick<ImproveConfig['cases'][number], 'image'>;

/** Where the image is read there: in its mapped folder, or else as `file`. */
async function packImage(from: Packed, file: string, mapped: NonNullable<Submit['mapped']>): Promise<Packed> {
  const there = mappedPaths([from.image].flat(), mapped);
  if (there !== undefined) return { image: there, ...expected(from) };
  const { volume } = await readImage(from.image, expected(from));
  await writeVolume(file, volume);
  return { image: file, expectedHash: (await readImage(file)).contentHash };
}

/** As the other machine calls the files; undefined unless all of them lie in mapped folders. */
export function mappedPaths(paths: readonly string[], mapped: NonNullable<Submit['mapped']>): string[] | undefined {
  const found = paths.map((path) => {
    const rule = mapped.find(({ from }) => path.startsWith(from) && /^[\\/]/.test(path.slice(from.length)));
    return rule === undefined ? undefined : `${rule.to}${path.slice(rule.from.length).replaceAll('\\', '/')}`;
  });
  return found.includes(undefined) ? undefined : found.filter((path) => path !== undefined);
}

async function packModel(from: string, to: string): Promise<void> {
  makeFolder(to);
  for (const name of ['weights.safetensors', 'model.json']) copyDurably(join(from, name), join(to, name));
}

/** Without the prepared scans, which carry the names of cases. */
async function packPretrained(from: string, to: string): Promise<void> {
  if (!existsSync(from)) return;
  await cp(from, to, { recursive: true, filter: (path) => basename(path) !== 'cases' });
}
