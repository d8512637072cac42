import * as v from 'valibot';
import { fileName } from '#shared/base/fileName.ts';
import type { TrainingSetup } from './train.ts';

type Signed = Pick<TrainingSetup, 'architecture' | 'plan' | 'recipe' | 'seed' | 'trainingCases' | 'validationCases' | 'budget'>;

/**
 * What must be the same for a checkpoint to be resumed. Case files count by their names, which are hashes of what they hold: their
 * folder may have been moved.
 */
export function runSignature({ architecture, plan, recipe, seed, trainingCases, validationCases, budget }: Signed): string {
  return JSON.stringify({
    architecture,
    plan,
    recipe,
    seed,
    trainingCases: trainingCases.map(fileName),
    validationCases: validationCases.map(fileName),
    budget,
  });
}

const earlier = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ trainingCases: v.array(v.string()), validationCases: v.array(v.string()) }),
);

/** Whether a checkpoint's signature is that of a run. Earlier versions signed whole paths. */
export function isSameRun(found: string, signature: string): boolean {
  if (found === signature) return true;
  const parsed = v.safeParse(earlier, found);
  return parsed.success && runSignature(parsed.output as unknown as Signed) === signature;
}
