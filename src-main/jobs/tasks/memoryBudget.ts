import { totalmem } from 'node:os';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { TaskContext } from '../task.ts';

/** Half of the machine's memory for devices that share it; undefined where the device has its own. */
export function defaultMemoryBudget(executor: Executor): number | undefined {
  return executor.name === 'cpu' || executor.name === 'reference' ? totalmem() / 2 : undefined;
}

/** Of what the step took at the last attempt; a smaller plan computes more twice, the numbers stay the same. */
const SMALLER = [0.6, 0.75, 0.9];

/**
 * The memory that a training step may take, in bytes: `first` at the first attempt; after crashes or a lack of memory clearly less
 * than its plan took then, as far as it can be made smaller, and said so. `bytesWithin`: what the step takes within a budget;
 * undefined where it does not fit.
 */
export function budgetAfterCrashes(
  first: number | undefined, bytesWithin: (budgetBytes: number | undefined) => number | undefined, { crashes, alarm }: Pick<TaskContext<never>, 'crashes' | 'alarm'>,
): number | undefined {
  if (crashes === 0) return first;
  const taken = bytesWithin(first);
  const smaller = taken === undefined ? undefined : SMALLER.map((share) => taken * share ** crashes).find((budget) => bytesWithin(budget) !== undefined);
  if (taken === undefined || smaller === undefined) return first;
  alarm('info', `Goes on with ${(smaller / 2 ** 30).toFixed(2)} GiB instead of ${(taken / 2 ** 30).toFixed(2)}: a little slower, with the same result.`);
  return smaller;
}
