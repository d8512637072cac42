import { basename } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { SkippedFile } from './importPlan.ts';

/** Where labels are named that nothing holds, a mask that is not taken may be why. */
export function explained<T>(skipped: readonly SkippedFile[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    const [first] = skipped;
    if (first === undefined || !(error instanceof StudioError)) throw error;
    const others = skipped.length === 1 ? '' : ` (and ${String(skipped.length - 1)} more)`;
    throw new StudioError(error.code, `${error.message} ${basename(first.path)}${others} is not taken: ${first.message}`);
  }
}
