/**
 * The compute process with the product's own tasks, interrupted where the environment says, exactly there: what a test's own process sees
 * of a step comes later, when a short job may already be over. `HOLD_IN` names a phase in which a first attempt waits, at its third turn,
 * until it is asked to stop. `KILL_IN` names phases (JSON) in whose second report the process kills itself (-9), once each; `MARKS` is
 * the folder of the marks that a phase has had its turn.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyTask } from '#main/jobs/task.ts';
import { registry } from '#main/jobs/registry.ts';
import { serve } from '#main/jobs/worker.ts';

const { HOLD_IN: holdIn, KILL_IN: killIn = '[]', MARKS: marks = '' } = process.env;
const phasesToKill = JSON.parse(killIn) as string[];

function interrupted(task: AnyTask): AnyTask {
  return {
    kind: task.kind,
    start: (config, context) => {
      let phase = '';
      let turnsHeld = 0;
      const reports = new Map<string, number>();
      return task.start(config, {
        ...context,
        report: (progress) => {
          phase = progress.phase;
          const mark = join(marks, phase);
          const report = (reports.get(phase) ?? 0) + 1;
          reports.set(phase, report);
          if (report === 2 && phasesToKill.includes(phase) && !existsSync(mark)) {
            writeFileSync(mark, '');
            process.kill(process.pid, 'SIGKILL');
          }
          context.report(progress);
        },
        turn: async () => {
          if (phase === holdIn && ++turnsHeld === 3 && context.attempt === 1) {
            while (!context.cancellation.aborted)
              await new Promise((resolve) => {
                setTimeout(resolve, 5);
              });
          }
          await context.turn();
        },
      });
    },
  };
}

serve(Object.fromEntries(Object.entries(registry).map(([kind, load]) => [kind, async () => interrupted(await load())])));
