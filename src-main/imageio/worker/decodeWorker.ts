import { parentPort } from 'node:worker_threads';
import { toWireError, type WireError } from '#shared/base/errors.ts';
import type { Progress } from '#shared/base/progress.ts';
import { decodeTasks, transferablesOf, type DecodeTaskName } from './tasks.ts';

/** 'close': nothing more will come; the worker ends by its own hand. */
export type WorkerRequest = { readonly task: DecodeTaskName; readonly request: unknown } | 'close';

export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: WireError };

const port = parentPort;
const send = (reply: WorkerReply, transfer: ArrayBuffer[] = []): void => {
  port?.postMessage(reply, transfer);
};

port?.on('message', (message: WorkerRequest) => {
  if (message === 'close') {
    process.exitCode = 0; // a codec sets it where it fails, which its reply has told
    port.close();
    return;
  }
  const { task, request } = message;
  const run = decodeTasks[task] as (request: unknown, report: (progress: Progress) => void) => Promise<unknown>;
  run(request, (progress) => {
    send({ kind: 'progress', progress });
  }).then(
    (result) => {
      send({ kind: 'done', result }, transferablesOf(result));
    },
    (error: unknown) => {
      send({ kind: 'failed', error: toWireError(error) });
    },
  );
});
send({ kind: 'ready' });
