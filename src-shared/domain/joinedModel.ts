import type { ImportedModelCard } from './importedModel.ts';
import type { LabelSet } from './labelSet.ts';
import type { ModelCard } from './modelCard.ts';

/** A model that is one of several, each with its own card. */
export interface JoinedPart {
  readonly name: string;
  /** Labels by the joined model's values; names of weights begin with `part_1/`, `part_2/` … in the file. */
  readonly card: ModelCard | ImportedModelCard;
  /** SHA-256 of the weights that it had by itself. */
  readonly weightsHash: string;
}

/** Several models that predict as one, written as `model.json` beside the weights of all. */
export interface JoinedModelCard {
  readonly format: 3;
  readonly variant: string;
  /** They predict one after the other. */
  readonly parts: readonly JoinedPart[];
  /** Where parts overlap, a later one's label is written over an earlier one's. */
  readonly overlap: 'laterOverEarlier';
  /** Of all parts; a name that several have is one label. */
  readonly labelSet: LabelSet;
  readonly joinedAt: string;
}

export type AnyModelCard = ModelCard | ImportedModelCard | JoinedModelCard;

/** What a part's weights are called by in the joined file. */
export const partPrefix = (index: number): string => `part_${index + 1}/`;
