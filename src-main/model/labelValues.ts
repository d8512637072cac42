import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import { partPrefix, type AnyModelCard } from '#shared/domain/joinedModel.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';

/** A card whose labels have other values; `labelSet` is the new list of labels, for each part of a joined model as far as it has them. */
export function withValues<C extends AnyModelCard>(card: C, labelSet: LabelSet, valueOf: (value: number) => number): C;
export function withValues(card: AnyModelCard, labelSet: LabelSet, valueOf: (value: number) => number): AnyModelCard {
  if (card.format === 3)
    return { ...card, labelSet, parts: card.parts.map((part) => ({ ...part, card: networkWithValues(part.card, labelSet, valueOf) })) };
  return networkWithValues(card, labelSet, valueOf);
}

function networkWithValues(
  card: ModelCard | ImportedModelCard,
  all: LabelSet,
  valueOf: (value: number) => number,
): ModelCard | ImportedModelCard {
  const labelSet = {
    labels: card.labelSet.labels.flatMap(({ value }) => all.labels.find((label) => label.value === valueOf(value)) ?? []),
  };
  if (card.format === 1) return { ...card, labelSet, classToLabel: card.classToLabel.map(valueOf) };
  const { kind, values, members } = card.pipeline.output;
  const output = { kind, values: values.map(valueOf), ...(members && { members: members.map((each) => each.map(valueOf)) }) };
  return { ...card, labelSet, pipeline: { ...card.pipeline, output } };
}

/** The weights of one part of a joined model, by the names that its card knows. */
export function partWeights<T>(weights: ReadonlyMap<string, T>, index: number): Map<string, T> {
  const prefix = partPrefix(index);
  return new Map(
    [...weights].flatMap(([name, tensor]): [string, T][] => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])),
  );
}
