import { sameChannelName } from './caseImages.ts';
import type { AnyModelCard } from './joinedModel.ts';

/**
 * Whether a training begins from a model: it takes the images that are asked for (any, where none are), and where it was imported no network of this
 * program is asked for by name. From joined ones none does.
 */
export function goesOn(
  card: AnyModelCard,
  asked: { readonly channels?: readonly string[] | undefined; readonly variant?: string | undefined },
): boolean {
  if (card.format === 3) return false;
  if (card.format === 2 && asked.variant !== undefined) return false;
  const own = card.format === 2 ? card.pipeline.channels : card.channels;
  const { channels } = asked;
  return (
    channels === undefined || (own?.length === channels.length && own.every(({ name }, n) => sameChannelName(name, channels[n] ?? '')))
  );
}
