import { toWireError } from '#shared/base/errors.ts';
import { exitCodeOf, exitCodes } from '#main/jobs/submit/exitCodes.ts';
import { requireFolder, runHeadless } from '#main/jobs/submit/headless.ts';
import { defineCommand } from '../command.ts';
import { rememberedDevice } from './shared.ts';

export const workerCommand = defineCommand({
  name: 'worker',
  summary:
    'Run one job folder, as a scheduler does, on any machine that has the folder; SIGTERM leaves a checkpoint, the same command goes on. Exit code: 0 done, 1 an error of the program, 2 wrong usage, 10 no job or a damaged one, 11 of a newer version, 12 input missing or changed, 13 device, 14 memory, 15 disk, 16 another worker is in the folder, 20 stopped with a checkpoint.',
  positionals: { name: 'JOBDIR', minimum: 1, maximum: 1 },
  options: {},
  async run({ positionals, cancellation, report, note }) {
    const [folder = '.'] = positionals;
    // What a task waits for (a thread, a device) need not keep the process alive by itself.
    const alive = setInterval(() => undefined, 60_000);
    try {
      requireFolder(folder);
      const result = await runHeadless(folder, {
        cancellation,
        device: rememberedDevice(),
        report,
        onAlarm: ({ severity, message }) => note(severity === 'info' ? message : `${severity}: ${message}`),
      });
      return { json: { result }, text: `Done: the result is in ${folder}.` };
    } catch (error) {
      const wire = toWireError(error);
      if (wire.code === 'internal') throw error;
      const stopped = exitCodeOf(wire.code) === exitCodes.stopped;
      const message = stopped ? 'Stopped; the checkpoint is kept, and the same command goes on from it.' : wire.message;
      return { json: { error: { code: wire.code, message } }, text: `logonet: ${message}`, exitCode: exitCodeOf(wire.code) };
    } finally {
      clearInterval(alive);
    }
  },
});
