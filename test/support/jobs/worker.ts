/** A compute process with small tasks for the tests of the jobs layer. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { anyTask } from '#main/jobs/task.ts';
import type { TaskContext } from '#main/jobs/task.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { loadAskPrompts } from '#main/jobs/registry.ts';
import { serve } from '#main/jobs/worker.ts';

interface Count {
  readonly until: number;
  readonly stepMs: number;
  readonly dieAt?: number;
  readonly diesAlways?: boolean;
  readonly memoryAt?: number;
  readonly holdAt?: number;
  readonly phase?: string;
  readonly failsWith?: string;
}

/** Counts, with a checkpoint a step; the sum tells whether a step was lost or done twice. */
async function count(context: TaskContext<Count>): Promise<unknown> {
  const path = join(context.checkpointFolder, 'count.json');
  let { at, sum } = ((): { at: number; sum: number } => {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as { at: number; sum: number };
    } catch {
      return { at: 0, sum: 0 };
    }
  })();
  const { until, stepMs, dieAt, diesAlways, memoryAt, holdAt, phase = 'Counting', failsWith } = context.config;
  while (at < until) {
    await context.turn();
    await new Promise((resolve) => {
      setTimeout(resolve, stepMs);
    });
    at += 1;
    sum += at * at;
    await writeFileAtomically(path, JSON.stringify({ at, sum }));
    if (diesAlways !== true) context.point({ step: at, seconds: at, loss: 1 / at, learningRate: null, dice: null });
    context.report({ phase, fraction: at / until });
    if (at === dieAt && (diesAlways === true || context.crashes === 0)) {
      if (diesAlways === true) await writeFileAtomically(path, JSON.stringify({ at: 0, sum: 0 }));
      process.kill(process.pid, 'SIGKILL');
    }
    // Until it is asked to stop, or killed.
    while (at === holdAt && context.attempt === 1 && !context.cancellation.aborted)
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    if (failsWith !== undefined) throw new StudioError('invalid-file', failsWith);
    if (at === memoryAt && context.crashes === 0) throw new StudioError('out-of-memory', 'The device has too little memory.');
  }
  return { sum, crashes: context.crashes, modelId: 'model-1' };
}

serve(
  {
    train: () => Promise.resolve(anyTask({ kind: 'train', parse: (config) => config as Count, run: count })),
    predict: () =>
      Promise.resolve(
        anyTask({
          kind: 'predict',
          parse: () => null,
          run: (context) => {
            writeFileSync(join(context.outFolder, 'at'), String(Date.now()));
            return Promise.resolve({});
          },
        }),
      ),
    evaluate: () =>
      Promise.resolve(
        anyTask({
          kind: 'evaluate',
          parse: () => null,
          run: (context) => {
            context.alarm('warning', 'A class is at Dice 0.');
            return Promise.reject(new StudioError('invalid-file', 'The mask "a.nii" is truncated.'));
          },
        }),
      ),
    // Never looks at its cancellation.
    rank: () =>
      Promise.resolve(
        anyTask({
          kind: 'rank',
          parse: () => null,
          run: () =>
            new Promise(() => {
              setInterval(() => undefined, 1000);
            }),
        }),
      ),
  },
  loadAskPrompts,
);
