import * as v from 'valibot';
import { comparison } from '#shared/contract/jobs.ts';
import type { Comparison } from '#shared/domain/job.ts';

const withComparison = v.object({ comparison });

/** The comparison that a training's result ends with, or null where it made none. */
export function comparisonOf(result: unknown): Comparison | null {
  const found = v.safeParse(withComparison, result);
  return found.success ? found.output.comparison : null;
}
