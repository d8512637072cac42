/**
 * Entry of the compute process. Started by the app (with an IPC channel) it serves jobs; started with a job folder as its argument it
 * runs that one job, writes progress to stderr, and exits with 0 (done) or 1 (failed, cancelled).
 */
import { toWireError } from '#shared/base/errors.ts';
import { runJobFolder, serve } from '../worker.ts';
import { registry } from './registry.ts';

const folder = process.argv[2];
if (process.send !== undefined) {
  serve(registry);
} else if (folder === undefined) {
  console.error('Give the folder of the job to run.');
  process.exitCode = 2;
} else {
  const cancellation = { aborted: false };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { cancellation.aborted = true; });
  // What a task waits for (a thread, a device) need not keep the process alive by itself.
  const alive = setInterval(() => undefined, 60_000);
  try {
    await runJobFolder(registry, folder, {
      cancellation,
      report: (progress) => { console.error(JSON.stringify({ progress })); },
      onPoint: (point) => { console.error(JSON.stringify({ point })); },
      onAlarm: (alarm) => { console.error(JSON.stringify({ alarm })); },
    });
  } catch (error) {
    console.error(JSON.stringify({ error: toWireError(error) }));
    process.exitCode = 1;
  } finally {
    clearInterval(alive);
  }
}
