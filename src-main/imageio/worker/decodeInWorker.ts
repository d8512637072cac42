import { Worker } from 'node:worker_threads';
import { neverCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { fromWireError, StudioError } from '#shared/base/errors.ts';
import { ignoreProgress, type ReportProgress } from '#shared/base/progress.ts';
import type { WorkerReply, WorkerRequest } from './decodeWorker.ts';
import type { DecodeTaskName, DecodeTasks } from './tasks.ts';

export interface WorkerLimits {
  readonly timeoutMs: number;
  readonly cancellation?: Cancellation;
  readonly report?: ReportProgress;
  /** What a person reads when decoding hangs or the worker dies, e.g. a file's name. */
  readonly subject: string;
}

/** Megabytes of JavaScript heap; voxels lie outside it and are bounded by the readers. */
const heapMegabytes = 512;
const idleMs = 3000;
const mostIdle = 4;
/** A worker is thrown away after so many decodes, so that nothing that a file did to it lasts. */
const decodesPerWorker = 64;
const cancellationPollMs = 50;

interface Job {
  readonly reply: (reply: WorkerReply) => void;
  readonly died: (reason: string, detail: string) => void;
}

interface DecodeWorker {
  readonly worker: Worker;
  decodes: number;
  /** Settles when the worker has loaded; a busy machine may take long over it. */
  readonly ready: Promise<void>;
  job: Job | null;
  idleTimer?: NodeJS.Timeout;
}

const idle: DecodeWorker[] = [];

/**
 * Runs a decoding task in a disposable worker. A hang ends after `timeoutMs`, a crash or an exhausted heap ends the worker alone, and
 * either becomes `invalid-file`; cancelling terminates the worker at once. Workers that gave an answer, if only an error, are used again;
 * one that is not needed any more is asked to close and ends by its own hand, because Node may crash where workers are terminated while
 * others start (nodejs/node#56312).
 */
export async function decodeInWorker<T extends DecodeTaskName>(
  task: T,
  request: Parameters<DecodeTasks[T]>[0],
  { timeoutMs, cancellation = neverCancelled, report = ignoreProgress, subject }: WorkerLimits,
): Promise<Awaited<ReturnType<DecodeTasks[T]>>> {
  if (cancellation.aborted) throw new StudioError('cancelled', 'Cancelled.');
  const decoder = idle.pop() ?? start();
  clearTimeout(decoder.idleTimer);
  decoder.worker.ref();
  const timers: NodeJS.Timeout[] = [];
  let answered = false;
  try {
    return (await new Promise((resolve, reject: (error: StudioError) => void) => {
      decoder.job = {
        reply: (reply) => {
          if (reply.kind === 'progress') report(reply.progress);
          else if (reply.kind !== 'ready') {
            answered = true;
            if (reply.kind === 'failed') reject(fromWireError(reply.error));
            else resolve(reply.result as Awaited<ReturnType<DecodeTasks[T]>>);
          }
        },
        died: (reason, detail) => {
          reject(new StudioError('invalid-file', `${subject} ${reason}`, { detail }));
        },
      };
      // The time that the worker itself takes to load is not the file's fault.
      void decoder.ready.then(() => {
        if (decoder.job !== null)
          timers.push(
            setTimeout(() => {
              reject(new StudioError('invalid-file', `${subject} could not be read within ${Math.round(timeoutMs / 1000)} s.`));
            }, timeoutMs),
          );
      });
      if (cancellation !== neverCancelled) {
        timers.push(
          setInterval(() => {
            if (cancellation.aborted) reject(new StudioError('cancelled', 'Cancelled.'));
          }, cancellationPollMs),
        );
      }
      decoder.worker.postMessage({ task, request } satisfies WorkerRequest);
    }).finally(() => {
      decoder.job = null;
    })) as Awaited<ReturnType<DecodeTasks[T]>>;
  } finally {
    timers.forEach(clearTimeout);
    release(decoder, answered);
  }
}

function start(): DecodeWorker {
  // Source runs as .ts under Node itself, a build as .js beside the bundle.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./decodeWorker.${extension}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    // The codecs' chatter must not reach the standard output of a command that prints JSON.
    stdout: true,
    stderr: true,
  });
  const ready = Promise.withResolvers<void>();
  const decoder: DecodeWorker = { worker, decodes: 0, ready: ready.promise, job: null };
  worker.stdout.resume();
  worker.stderr.resume();
  worker.on('message', (reply: WorkerReply) => {
    if (reply.kind === 'ready') ready.resolve();
    else decoder.job?.reply(reply);
  });
  worker.on('error', (cause: Error & { code?: string }) => {
    decoder.job?.died(
      cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? 'needs more memory than reading a file may take.'
        : 'could not be read: decoding it failed.',
      cause.message,
    );
  });
  worker.on('exit', (code) => {
    forget(decoder);
    decoder.job?.died('could not be read: decoding it failed.', `worker exit ${code}`);
  });
  return decoder;
}

function release(decoder: DecodeWorker, isHealthy: boolean): void {
  decoder.decodes += 1;
  if (!isHealthy) {
    void decoder.worker.terminate();
    return;
  }
  decoder.worker.unref();
  if (decoder.decodes >= decodesPerWorker || idle.length >= mostIdle) {
    close(decoder);
    return;
  }
  decoder.idleTimer = setTimeout(() => {
    forget(decoder);
    close(decoder);
  }, idleMs).unref();
  idle.push(decoder);
}

/** The thread that calls this is to end: its idle decoders end first, by their own hand. Without it they would be terminated with it. */
export function closeIdleDecoders(): void {
  for (const decoder of idle.splice(0)) {
    clearTimeout(decoder.idleTimer);
    close(decoder);
  }
}

function close({ worker }: DecodeWorker): void {
  worker.ref(); // Whoever started it waits until it has ended.
  worker.postMessage('close' satisfies WorkerRequest);
}

function forget(decoder: DecodeWorker): void {
  const at = idle.indexOf(decoder);
  if (at >= 0) idle.splice(at, 1);
}
