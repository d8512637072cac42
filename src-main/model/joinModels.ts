import { StudioError } from '#shared/base/errors.ts';
import { partPrefix, type JoinedModelCard, type JoinedPart } from '#shared/domain/joinedModel.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import { withValues } from './labelValues.ts';
import { isJoined, MOST_PARTS, partsOf, type StoredJoined, type StoredNetwork } from './modelFolder.ts';
import type { NamedTensor } from './safetensors.ts';
import type { Weights } from './weights.ts';

const HIGHEST = 255;
/** A model's file is read in one piece. */
const MOST_BYTES = 2 ** 31 - 2 ** 24;

export interface NamedModel {
  readonly name: string;
  readonly model: StoredNetwork | StoredJoined;
}

/**
 * Several models as one, in this order; a joined one counts as its parts. A label of the same name is the same label in all: it keeps the value of the first
 * that has it, or gets the next free one. Throws `usage` for too few or too many, or for labels that masks cannot hold together.
 */
export function joinModels(models: readonly NamedModel[]): { readonly card: JoinedModelCard; readonly weights: Weights } {
  const parts = models.flatMap(({ name, model }): { name: string; model: StoredNetwork }[] =>
    isJoined(model)
      ? partsOf(model).map((part, index) => ({ name: model.card.parts[index]?.name ?? name, model: part }))
      : [{ name, model }],
  );
  if (parts.length < 2) throw new StudioError('usage', 'Give at least two models to join.');
  if (parts.length > MOST_PARTS) throw new StudioError('usage', `${parts.length} models are more than can be joined (${MOST_PARTS}).`);
  requireImagesAgree(parts.map(({ model }) => model));
  const key = (name: string): string => name.trim().toLocaleLowerCase();
  const values = new Map<string, { value: number; name: string }>();
  for (const { model } of parts)
    for (const { name, value } of model.card.labelSet.labels) {
      if (values.has(key(name))) continue;
      const taken = new Set([...values.values()].map((label) => label.value));
      let free = value;
      if (taken.has(value)) for (free = 1; taken.has(free); free++);
      if (free > HIGHEST) throw new StudioError('usage', `Together these models have more than ${HIGHEST} labels.`);
      values.set(key(name), { value: free, name });
    }
  const labelSet = labelSetFrom([...values.values()].sort((a, b) => a.value - b.value));
  const joined = parts.map(({ name, model }): JoinedPart => {
    const own = new Map(model.card.labelSet.labels.map((label) => [label.value, values.get(key(label.name))?.value ?? 0]));
    return { name, card: withValues(model.card, labelSet, (value) => own.get(value) ?? 0), weightsHash: model.weightsHash };
  });
  return {
    card: {
      format: 3,
      variant: `${parts.length} models joined`,
      parts: joined,
      overlap: 'laterOverEarlier',
      labelSet,
      joinedAt: new Date().toISOString(),
    },
    weights: allWeights(parts.map(({ model }) => model)),
  };
}

function allWeights(models: readonly StoredNetwork[]): Weights {
  const all = new Map<string, NamedTensor>();
  let bytes = 0;
  models.forEach(({ weights }, index) => {
    for (const [name, tensor] of weights) {
      all.set(`${partPrefix(index)}${name}`, tensor);
      bytes += tensor.data.byteLength;
    }
  });
  if (bytes > MOST_BYTES)
    throw new StudioError('unsupported', 'Together the weights are more than 2 GB: join fewer models, or import each with fewer folds.');
  return all;
}

/** All take one image of a case, or all say by name which they take. */
function requireImagesAgree(models: readonly StoredNetwork[]): void {
  const unnamed = models.some(({ card }) => card.format === 1 && card.channels === undefined);
  const several = models.some(({ card }) => (card.format === 2 ? card.pipeline.channels.length : (card.channels?.length ?? 1)) > 1);
  if (unnamed && several)
    throw new StudioError(
      'usage',
      'One of these models takes a case’s leading image, whatever it is called, and another takes several by name: they cannot be joined.',
    );
}
