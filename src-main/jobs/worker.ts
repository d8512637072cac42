/** Runs jobs: behind the app's IPC channel (`serve`), or one folder headless (`runJobFolder`). */
import { setPriority, constants } from 'node:os';
import { neverCancelled } from '#shared/base/cancellation.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { CurvePoint, JobAlarm, JobPriority } from '#shared/domain/job.ts';
import { startHeartbeat } from './heartbeat.ts';
import { appendLog, checkpointFolder, outFolder, prepareJobFolder, readJobFile, writeResult } from './jobFolder.ts';
import { parseToCompute } from './protocol.ts';
import type { FromCompute } from './protocol.ts';
import type { AskPrompts, TaskRegistry } from './task.ts';
import { Turns } from './turns.ts';

export interface RunOptions {
  readonly attempt?: number;
  readonly crashes?: number;
  readonly priority?: JobPriority;
  readonly cancellation?: Cancellation;
  readonly report?: ReportProgress;
  readonly onPoint?: (point: CurvePoint) => void;
  readonly onAlarm?: (alarm: JobAlarm) => void;
  readonly turns?: Turns;
  /** Takes the place of the device 'auto' in a configuration. */
  readonly device?: string;
}

/** Runs the job that a folder describes, writes its result.json and resolves with the result. Errors are the task's. */
export async function runJobFolder(registry: TaskRegistry, folder: string, options: RunOptions = {}): Promise<unknown> {
  const { id, kind, config: written, home } = await readJobFile(folder);
  const config = onDevice(written, options.device ?? 'cpu');
  await prepareJobFolder(folder, home);
  const load = registry[kind];
  if (load === undefined) throw new StudioError('unsupported', `This version cannot run jobs of the kind "${kind}".`);
  const task = await load();
  const { cancellation = neverCancelled, priority = 'background', turns = new Turns() } = options;
  const result = await turns.run(priority, () =>
    task.start(config, {
      jobId: id,
      folder,
      checkpointFolder: checkpointFolder(folder),
      outFolder: outFolder(folder),
      attempt: options.attempt ?? 1,
      crashes: options.crashes ?? 0,
      cancellation,
      report: options.report ?? ignoreProgress,
      point: (point) => {
        appendLog(folder, { point });
        options.onPoint?.(point);
      },
      alarm: (severity, message) => {
        const alarm: JobAlarm = { at: new Date().toISOString(), severity, message };
        appendLog(folder, { alarm });
        options.onAlarm?.(alarm);
      },
      turn: () => turns.turn(priority, cancellation),
    }),
  );
  await writeResult(folder, result, home);
  return result;
}

function onDevice(config: unknown, device: string): unknown {
  return typeof config === 'object' && config !== null && 'device' in config && config.device === 'auto' ? { ...config, device } : config;
}

/** The compute process: answers main until its channel closes, then leaves checkpoints and goes. */
export function serve(registry: TaskRegistry, loadAsk?: () => Promise<AskPrompts>): void {
  const channel = process.send?.bind(process);
  if (channel === undefined)
    throw new StudioError('internal', 'Something went wrong inside the application.', { detail: 'no IPC channel' });
  const send = (message: FromCompute): void => {
    if (process.connected) channel(message);
  };
  lowerPriority();
  const heartbeat = startHeartbeat();
  const running = new Map<string, { aborted: boolean }>();
  const turns = new Turns();

  process.on('message', (raw) => {
    const message = parseToCompute(raw);
    if (message.type === 'stop') {
      const entry = running.get(message.jobId);
      if (entry !== undefined) entry.aborted = true;
      return;
    }
    if (message.type === 'ask') {
      const { askId, model, device, input } = message;
      // Before the next step of a training, and after what somebody waits for already.
      void turns
        .run('interactive', async () => {
          if (loadAsk === undefined) throw new StudioError('unsupported', 'This process answers no prompts.');
          return (await loadAsk())(model, device, floatsOf(input));
        })
        .then(
          (answer) => send({ type: 'answered', askId, answer: Buffer.from(answer).toString('base64') }),
          (error: unknown) => send({ type: 'unanswered', askId, error: toWireError(error) }),
        );
      return;
    }
    const { jobId, folder, priority, attempt, crashes } = message;
    const cancellation = { aborted: false };
    running.set(jobId, cancellation);
    runJobFolder(registry, folder, {
      attempt,
      crashes,
      priority,
      cancellation,
      turns,
      report: throttled((progress) => {
        send({ type: 'progress', jobId, progress });
      }),
      onPoint: (point) => {
        send({ type: 'point', jobId, point });
      },
      onAlarm: (alarm) => {
        send({ type: 'alarm', jobId, alarm });
      },
    })
      .then(
        (result) => {
          send({ type: 'done', jobId, modelId: modelIdOf(result) });
        },
        (error: unknown) => {
          const wire = toWireError(error);
          send(wire.code === 'cancelled' ? { type: 'stopped', jobId } : { type: 'failed', jobId, error: wire });
        },
      )
      .finally(() => {
        running.delete(jobId);
        if (!process.connected && running.size === 0) process.exit(0);
      });
  });
  process.on('disconnect', () => {
    for (const entry of running.values()) entry.aborted = true;
    if (running.size === 0) process.exit(0);
  });
  // Kept alive by the channel alone.
  process.on('exit', () => {
    heartbeat.dispose();
  });
  send({ type: 'ready' });
}

function floatsOf(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(new Uint8Array(bytes).buffer, 0, Math.floor(bytes.byteLength / 4));
}

function modelIdOf(result: unknown): string | null {
  return typeof result === 'object' && result !== null && 'modelId' in result && typeof result.modelId === 'string' ? result.modelId : null;
}

/** At most five a second, except the first of a phase and the last. */
function throttled(report: ReportProgress): ReportProgress {
  let last = 0;
  let phase = '';
  return (progress) => {
    const now = performance.now();
    if (progress.phase === phase && progress.fraction < 1 && now - last < 200) return;
    last = now;
    phase = progress.phase;
    report(progress);
  };
}

/** The window's work goes before training. */
function lowerPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not allowed here: it runs at normal priority.
  }
}
