import { sameChannelName } from './caseImages.ts';
import type { AnyModelCard } from './joinedModel.ts';

export interface TakenChannel {
  readonly name: string;
  /** A case may lack it. */
  readonly optional: boolean;
}

/** The images that a model takes of a case, in order; null: the leading one, whatever it is called. Of joined ones: what any of them takes. */
export function channelsOfModelCard(card: AnyModelCard): readonly TakenChannel[] | null {
  if (card.format === 2) return card.pipeline.channels.map(({ name }) => ({ name, optional: false }));
  if (card.format === 1) return card.channels?.map(({ name, optional }) => ({ name, optional: optional === true })) ?? null;
  const parts = card.parts.map((part) => channelsOfModelCard(part.card));
  const all: TakenChannel[] = [];
  for (const { name } of parts.flatMap((part) => part ?? []))
    if (!all.some((known) => sameChannelName(known.name, name))) all.push({ name, optional: false });
  // One image each: the leading one, where they call it differently.
  return parts.every((part) => (part?.length ?? 1) === 1) && (all.length !== 1 || parts.includes(null)) ? null : all;
}

/** Which of the images of a joined model one of its parts takes: positions in `all`. */
export function takenOf(part: readonly TakenChannel[] | null, all: readonly TakenChannel[] | null): readonly number[] {
  if (part === null || all === null) return [0];
  return part.map(({ name }) => all.findIndex((channel) => sameChannelName(channel.name, name)));
}
