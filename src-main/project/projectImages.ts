/** What the images of a project's cases are called: which case lacks one, and another name for one in all cases. */
import { sameChannelName } from '#shared/domain/caseImages.ts';
import { StudioError } from '#shared/base/errors.ts';
import {
  addStep,
  everyCase,
  imagesByCase,
  nameImage,
  promotedModel,
  recordEvent,
  type Project,
  type ProjectStep,
} from '#main/library/index.ts';
import { channelsOfCard } from './caseFiles.ts';

export interface NamedImages {
  readonly name: string;
  /** Cases that have it. */
  readonly cases: number;
  /** Names of the cases that lack it. */
  readonly lacking: readonly string[];
}

/** Every name that images of these cases have, in the order of the first case that has it. */
export function namedImages(
  { read }: Pick<Project, 'read'>,
  cases: readonly { readonly id: string; readonly name: string }[] = everyCase(read).filter(({ status }) => status !== 'excluded'),
): NamedImages[] {
  const images = imagesByCase(read);
  const names: string[] = [];
  for (const { id } of cases)
    for (const { name } of images.get(id) ?? []) if (name !== '' && !names.some((known) => sameChannelName(known, name))) names.push(name);
  return names.map((name) => {
    const lacking = cases.filter(({ id }) => !(images.get(id) ?? []).some((image) => sameChannelName(image.name, name)));
    return { name, cases: cases.length - lacking.length, lacking: lacking.map((each) => each.name) };
  });
}

interface ImagesStep {
  readonly after: string;
  readonly images: readonly { readonly id: string; readonly before: string }[];
}

/**
 * Gives an image another name in all cases that have it, as one step of the project's history; an empty name stands for images that nothing names. Answers with the
 * number of images, and a sentence where the model in use goes by the old name. Throws `not-found`, `invalid-argument`, and `conflict` where a case has
 * both names already.
 */
export function renameImages(project: Project, from: string, to: string): { readonly images: number; readonly warning: string | null } {
  const after = to.trim();
  if (after === '') throw new StudioError('invalid-argument', 'An image needs a name.');
  const cases = new Map(everyCase(project.read).map(({ id, name }) => [id, name]));
  const found: { readonly id: string; readonly before: string }[] = [];
  for (const [caseId, images] of imagesByCase(project.read)) {
    const wanted = images.filter(({ name }) => sameChannelName(name, from));
    if (wanted.length === 0) continue;
    if (wanted.length > 1 || images.some((image) => !wanted.includes(image) && sameChannelName(image.name, after)))
      throw new StudioError('conflict', `“${cases.get(caseId) ?? ''}” would have two images called “${after}”. Choose another name.`);
    for (const { id, name } of wanted) if (name !== after) found.push({ id, before: name });
  }
  if (found.length === 0) throw new StudioError('not-found', `No case has an image “${from}” that could be called “${after}”.`);
  const name = `Image “${from}” renamed to “${after}”`;
  project.write.transaction(() => {
    for (const { id } of found) nameImage(project.write, id, after);
    addStep(project.write, { kind: 'images', name, state: 'done', detail: { after, images: found } satisfies ImagesStep });
    recordEvent(project.write, {
      kind: 'image-renamed',
      message: `${name} in ${String(found.length)} cases.`,
      detail: { from, to: after },
    });
  });
  const current = promotedModel(project.read);
  const isTaken =
    current !== undefined && !sameChannelName(from, after) && channelsOfCard(current).some((each) => sameChannelName(each.name, from));
  return {
    images: found.length,
    warning: isTaken
      ? `The model in use takes an image “${from}” of each case, and finds none under that name now. Take the step back, or improve with “${after}”.`
      : null,
  };
}

/** Takes it back or does it again; images that are gone since are passed over. To be called in a transaction. */
export function replayRenaming(project: Project, step: ProjectStep, to: 'before' | 'after'): void {
  const { after, images } = step.detail as ImagesStep;
  for (const { id, before } of images) nameImage(project.write, id, to === 'before' ? before : after);
}
