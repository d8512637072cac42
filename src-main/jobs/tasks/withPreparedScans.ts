import type { Scan } from '#shared/domain/trainingCase.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { ScanRule } from '#main/training/preparation/scanRule.ts';
import { prepareScans, type PreparedScan } from '#main/training/preparation/scans.ts';
import type { TaskContext } from '../task.ts';

interface ScansConfig {
  readonly scans: readonly Scan[];
  readonly learnedFolder: string;
  readonly device: string;
  readonly threads?: number | undefined;
}

/** Opens the device and prepares the scans by a rule, works with them, and closes the device again. */
export function withPreparedScans<Config extends ScansConfig, Result>(
  context: TaskContext<Config>,
  rule: ScanRule,
  work: (executor: Executor, prepared: readonly PreparedScan[]) => Promise<Result>,
): Promise<Result> {
  const { config, alarm } = context;
  return withExecutor({ ...config, alarm }, async (executor) =>
    work(executor, (await prepareScans(config.scans, config.learnedFolder, rule, context)).prepared),
  );
}
