import type { AnyModelCard } from '#shared/domain/joinedModel.ts';
import { partWeights } from './labelValues.ts';
import { elementCountOf, type Weights } from './weights.ts';

/** Numbers of a model's networks; an ensemble's folds count once. */
export function parametersOf(card: AnyModelCard, weights: Weights): number {
  if (card.format === 3) return card.parts.reduce((sum, part, index) => sum + parametersOf(part.card, partWeights(weights, index)), 0);
  return Math.round(elementCountOf(weights) / (card.format === 2 ? card.folds.length : 1));
}
