import type { LabelSummary } from '#shared/domain/metrics.ts';

/** A class below this Dice counts as not learned. */
const collapsed = 0.01;
/** Part of the budget after which every class should have begun to be learned. */
export const collapseWatchFrom = 0.2;
/** Before this many steps nothing can be said. */
export const collapseWatchSteps = 50;

export interface ClassFacts {
  readonly name: string;
  /** Training cases that hold the class. */
  readonly trainingCases: number;
}

export interface NamedMessage {
  /** Of the class. */
  readonly name: string;
  readonly message: string;
}

/**
 * One sentence with a likely cause for each class (1..C−1, in order) that the validation has and the network does not find.
 */
export function collapsedClasses(summary: readonly Pick<LabelSummary, 'cases' | 'dice'>[], classes: readonly ClassFacts[]): NamedMessage[] {
  return summary.flatMap((row, index) => {
    const facts = classes[index];
    if (facts === undefined || row.cases === 0 || (row.dice ?? 0) >= collapsed) return [];
    return [{ name: facts.name, message: `"${facts.name}" is not being learned: its Dice is still 0. ${likelyCause(facts)}` }];
  });
}

function likelyCause({ trainingCases }: ClassFacts): string {
  if (trainingCases === 0) return 'No training case holds it: label it in some cases, or remove it from the label set.';
  if (trainingCases < 3)
    return `Only ${trainingCases} training ${trainingCases === 1 ? 'case holds' : 'cases hold'} it: label it in more cases.`;
  return 'Check that it is not mixed up with another label in some cases, and that no case has a wrong voxel spacing.';
}
