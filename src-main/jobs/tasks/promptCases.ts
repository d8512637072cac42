import { createHash } from 'node:crypto';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { isFileFault, StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { LabelledCase } from '#shared/domain/trainingCase.ts';
import type { Work } from '#shared/domain/work.ts';
import { voxelCount, type Volume } from '#shared/geometry/grid.ts';
import type { Structure } from '#shared/prompts/nextClick.ts';
import { structuresIn, truthOf, type NamedStructure } from '#shared/prompts/reader.ts';
import { readCaseImages } from '#main/imageio/readCaseImages.ts';
import { readMask } from '#main/imageio/readMask.ts';
import { looksOf, type Look } from '#main/training/prompts/acceptedCases.ts';

/** What in masks can be pointed at. */
export interface PointedMasks {
  /** Every label unless given. */
  readonly structures?: readonly NamedStructure[] | undefined;
  /** Label value of voxels that nobody marked. */
  readonly ignore?: number | undefined;
}

type Asked = Pick<Work, 'cancellation' | 'alarm' | 'report' | 'turn'>;

/** The leading image of a case and the structures of its mask; null, and said, where it cannot be used. */
export async function readPointed(
  from: LabelledCase,
  { structures, ignore }: PointedMasks,
  { cancellation, alarm }: Pick<Work, 'cancellation' | 'alarm'>,
): Promise<{ readonly image: Volume; readonly mask: Volume; readonly structures: readonly NamedStructure[] } | null> {
  try {
    const { images } = await readCaseImages(from, undefined, cancellation);
    const { volume: mask } = await readMask(from.labels, cancellation);
    const image = images[0]?.volume;
    if (image === undefined || voxelCount(image.grid) !== voxelCount(mask.grid))
      throw new StudioError('invalid-file', 'its mask does not lie on its image.');
    if (ignore !== undefined && mask.data.includes(ignore))
      throw new StudioError('invalid-file', 'its mask leaves voxels open, so that nobody knows where its structures end.');
    return { image, mask, structures: structures ?? structuresIn(mask.data, []) };
  } catch (error) {
    if (!isFileFault(error)) throw error;
    alarm('warning', `${from.name} is left out: ${error.message}`);
    return null;
  }
}

/** More structures say little more, and a large scan takes seconds a click. */
const mostMeasured = 24;

export interface MeasuredCase {
  readonly from: LabelledCase;
  readonly index: number;
  readonly image: Volume;
  readonly structures: readonly { readonly name: string; readonly truth: Structure }[];
}

/** The structures that are pointed out in held-out cases: each case has its turn, whatever the first ones hold, and others in each, where there are more than have one. */
export async function* structuresToMeasure(
  cases: readonly LabelledCase[],
  masks: PointedMasks,
  work: Pick<Work, 'cancellation' | 'alarm'>,
  isMeant: (structure: NamedStructure) => boolean = () => true,
): AsyncGenerator<MeasuredCase, void> {
  let measured = 0;
  for (const [index, from] of cases.entries()) {
    const left = Math.ceil((mostMeasured - measured) / (cases.length - index));
    if (left <= 0) return;
    const read = await readPointed(from, masks, work);
    if (read === null) continue;
    const { image, mask } = read;
    const all = read.structures.filter(isMeant).map((structure) => ({ name: structure.name, truth: truthOf(image, mask, structure) }));
    const present = all.filter(({ truth }) => truth.data.includes(1));
    const count = Math.min(left, present.length);
    measured += count;
    const structures = Array.from({ length: count }, (_, n) => present[(index * left + n) % present.length] as (typeof present)[number]);
    yield { from, index, image, structures };
  }
}

/** So many cases, and structures of them, say what there is to say. */
const mostCases = 100;
const mostLooks = 600;

export interface Looks {
  readonly looks: readonly Look[];
  readonly cases: number;
  /** SHA-256 over all of them. */
  readonly hash: string;
}

/** What lies around the structures of accepted cases. Throws `invalid-argument` where there is none. */
export async function readLooks(cases: readonly LabelledCase[], masks: PointedMasks, seed: number, work: Asked): Promise<Looks> {
  const drawn = new Random(seed).shuffle([...cases]).slice(0, mostCases);
  const looks: Look[] = [];
  const hash = createHash('sha256');
  let used = 0;
  for (const [index, each] of drawn.entries()) {
    if (looks.length >= mostLooks) break;
    throwIfCancelled(work.cancellation);
    await work.turn();
    work.report({ phase: 'Looking at accepted cases', fraction: 0, detail: `${String(index + 1)} of ${String(drawn.length)}` });
    const read = await readPointed(each, masks, work);
    const own = read === null ? [] : looksOf(read.image, read.mask, read.structures);
    if (own.length > 0) used++;
    looks.push(...own);
    for (const { structure, image, part } of own) hash.update(structure).update(image.data).update(part);
  }
  if (looks.length === 0)
    throw new StudioError(
      'invalid-argument',
      'There is nothing in these masks that could be pointed at: accept a case with a label first.',
    );
  return { looks, cases: used, hash: hash.digest('hex') };
}
