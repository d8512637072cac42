import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { fromWireError, StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { unfinishedName } from '#main/files/atomicFile.ts';
import type { ExportReply, ExportTask, ExportTasks } from './exportTasks.ts';

const cancellationPollMs = 50;
const subfolders = ['', 'imagesTr', 'labelsTr', 'imagesTs'];

/** One export's worker: does one task after another, and is ended at once when the person cancels. */
export class ExportThread {
  readonly #destination: string;
  readonly #cancellation: Cancellation;
  readonly #startedAt = Date.now();
  readonly #worker = new Worker(new URL('./exportWorker.ts', import.meta.url), { stdout: true });

  constructor(destination: string, cancellation: Cancellation) {
    this.#destination = destination;
    this.#cancellation = cancellation;
    this.#worker.stdout.resume(); // A codec's chatter must not reach a command's output.
  }

  /** Throws what the task threw; `cancelled` as soon as it is asked for. */
  async run<K extends keyof ExportTasks>(kind: K, request: ExportTasks[K]['request'], report: ReportProgress): Promise<ExportTasks[K]['result']> {
    const answer = Promise.withResolvers<unknown>();
    const receive = (reply: ExportReply): void => {
      if (reply.kind === 'progress') report(reply.progress);
      else if (reply.kind === 'done') answer.resolve(reply.result);
      else answer.reject(fromWireError(reply.error));
    };
    const died = (cause: unknown): void => {
      answer.reject(new StudioError('internal', 'The export stopped unexpectedly. Nothing that was there before is changed; try again, or choose another format.', { cause }));
    };
    const poll = setInterval(() => {
      if (this.#cancellation.aborted) answer.reject(new StudioError('cancelled', 'Cancelled.'));
    }, cancellationPollMs);
    this.#worker.on('message', receive).on('error', died).on('exit', died);
    this.#worker.postMessage({ kind, request } as ExportTask);
    try {
      return (await answer.promise) as ExportTasks[K]['result'];
    } finally {
      clearInterval(poll);
      this.#worker.off('message', receive).off('error', died).off('exit', died);
    }
  }

  /** Ends the thread; what it had begun to write and not finished is removed. */
  async close(): Promise<void> {
    await this.#worker.terminate();
    for (const subfolder of subfolders) {
      const folder = join(this.#destination, subfolder);
      const names = await readdir(folder).catch(() => []);
      for (const name of names.filter((each) => unfinishedName.test(each))) {
        const path = join(folder, name);
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
        if (mtimeMs >= this.#startedAt) await rm(path, { force: true });
      }
    }
  }
}
