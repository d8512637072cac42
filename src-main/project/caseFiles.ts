import { sameChannelName } from '#shared/domain/caseImages.ts';
import { channelsOfModelCard } from '#shared/domain/modelChannels.ts';
import { knownImage, type ImageRecord, type KnownImage } from '#shared/domain/image.ts';
import type { ModelRecord } from '#shared/domain/model.ts';
import { chosenChannels, type ChannelFiles } from '#shared/domain/trainingCase.ts';
import { channelsOf, imagePaths, type Project } from '#main/library/index.ts';

export interface FilesOfCase extends KnownImage {
  readonly image: readonly string[];
  readonly channels?: readonly ChannelFiles[];
}

/** A case's images, the leading one first, as a job reads them; undefined where it has none. */
export function filesOfCase(project: Project, images: readonly ImageRecord[] | undefined): FilesOfCase | undefined {
  const [leading] = images ?? [];
  if (images === undefined || leading === undefined) return undefined;
  const channels = channelsOf(project.paths, images).map(({ name, image, placement, scale, contentHash, expectedHash, modifiedAt }) => ({
    name,
    image: [...image],
    placement,
    scale,
    contentHash,
    expectedHash,
    modifiedAt,
  }));
  const plain = images.length === 1 && leading.name === '' && leading.scale.factor === 1;
  return { image: imagePaths(project.paths, leading), ...knownImage(leading), ...(!plain && { channels }) };
}

export interface ProjectChannels {
  /** What a first model takes; undefined: each case's leading image. */
  readonly names: readonly string[] | undefined;
  /** Images that only some of the cases have. */
  readonly some: readonly { readonly name: string; readonly cases: number }[];
}

/** The images that all of these cases have, by name, in the order of the first case. With one image each it is whatever leads. */
export function commonChannels(cases: readonly (readonly Pick<ImageRecord, 'name'>[])[]): ProjectChannels {
  if (cases.every((images) => images.length <= 1)) return { names: undefined, some: [] };
  const names: string[] = [];
  for (const { name } of cases.flat()) if (name !== '' && !names.some((known) => sameChannelName(known, name))) names.push(name);
  const counted = names.map((name) => ({
    name,
    cases: cases.filter((images) => images.some((image) => sameChannelName(image.name, name))).length,
  }));
  const common = counted.filter((each) => each.cases === cases.length).map(({ name }) => name);
  return { names: common.length === 0 ? undefined : common, some: counted.filter((each) => each.cases < cases.length) };
}

/** What a model takes of a case; empty: the leading image. */
export function channelsOfCard({ card }: Pick<ModelRecord, 'card'>): readonly { readonly name: string; readonly optional?: boolean }[] {
  return channelsOfModelCard(card) ?? [];
}

/** What of these a case lacks, by name. */
export function lackedImages(
  images: readonly Pick<ImageRecord, 'name'>[],
  wanted: readonly { readonly name: string; readonly optional?: boolean }[],
): string[] {
  const chosen = chosenChannels(
    images,
    wanted.map(({ name }) => name),
  );
  return wanted.flatMap(({ name, optional }, n) => (chosen[n] === null && optional !== true ? [name] : []));
}
