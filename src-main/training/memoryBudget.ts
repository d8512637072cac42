import { totalmem } from 'node:os';
import type { Work } from '#shared/domain/work.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { NetworkConfig } from '#main/model/networkConfig.ts';
import { paperOptimiser, type SegmentationLoss } from '#main/model/trainingStep.ts';
import { memorySize } from '#shared/base/bytes.ts';
import { trainingBytes } from './trainingNetwork.ts';
import type { TrainingPlan } from './trainingPlan.ts';

/** Half of the memory that this process may have, for devices that share it; undefined where the device has its own. */
export function defaultMemoryBudget(executor: Executor): number | undefined {
  return executor.name === 'cpu' || executor.name === 'reference' ? allowedMemory() / 2 : undefined;
}

/** Of the machine, or less where a container (cgroup) or Slurm allows less, in bytes. */
export function allowedMemory(environment = process.env, ofContainer = process.constrainedMemory()): number {
  const megabytes = (name: string): number => Number(environment[name] ?? 0) * 2 ** 20;
  const bySlurm = megabytes('SLURM_MEM_PER_NODE') || megabytes('SLURM_MEM_PER_CPU') * Number(environment['SLURM_CPUS_ON_NODE'] ?? 1);
  return Math.min(...[totalmem(), ofContainer, bySlurm].filter((bytes) => bytes > 0));
}

/** Of what the step took at the last attempt; a smaller plan computes more twice, the numbers stay the same. */
const SMALLER = [0.6, 0.75, 0.9];

/**
 * The memory that a training step may take, in bytes: `first` at the first attempt; after crashes or a lack of memory clearly less
 * than its plan took then, as far as it can be made smaller, and said so. `bytesWithin`: what the step takes within a budget;
 * undefined where it does not fit.
 */
export function budgetAfterCrashes(
  first: number | undefined,
  bytesWithin: (budgetBytes: number | undefined) => number | undefined,
  { crashes, alarm }: Pick<Work, 'crashes' | 'alarm'>,
): number | undefined {
  if (crashes === 0) return first;
  const taken = bytesWithin(first);
  const smaller =
    taken === undefined ? undefined : SMALLER.map((share) => taken * share ** crashes).find((budget) => bytesWithin(budget) !== undefined);
  if (taken === undefined || smaller === undefined) return first;
  alarm('info', `Goes on with ${memorySize(smaller, 2)} instead of ${memorySize(taken, 2)}: a little slower, with the same result.`);
  return smaller;
}

/** Bytes of a training step by its budget; undefined where it does not fit. `unlabelled`: with as many patches of scans without masks. */
export function stepBytes(
  executor: Executor,
  architecture: NetworkConfig,
  { batch, patch, markedShare }: Pick<TrainingPlan, 'batch' | 'patch' | 'markedShare'>,
  unlabelled: boolean,
) {
  const segmentation: SegmentationLoss = {
    kind: 'diceCrossEntropy',
    diceWeight: 1,
    crossEntropyWeight: 1,
    ignoring: markedShare !== undefined,
  };
  return (memoryBudgetBytes: number | undefined): number | undefined =>
    trainingBytes(executor, architecture, {
      batch,
      ...(unlabelled && { scans: batch }),
      patch,
      memoryBudgetBytes,
      optimiser: paperOptimiser,
      loss: unlabelled ? { kind: 'consistency', segmentation } : segmentation,
    });
}
