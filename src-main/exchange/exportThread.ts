import { once } from 'node:events';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { fromWireError, StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { unfinishedName } from '#main/files/atomicFile.ts';
import type { ExportReply, ExportRequest, ExportTasks } from './exportTasks.ts';

const cancellationPollMs = 50;
/** A thread that has not ended by its own hand after this long hangs. */
const closeMs = 10_000;
const subfolders = ['', 'imagesTr', 'labelsTr', 'imagesTs'];

/** One export's worker: does one task after another, and is ended at once when the person cancels. One that died is replaced for the next task. */
export class ExportThread {
  readonly #destination: string;
  readonly #cancellation: Cancellation;
  readonly #startedAt = Date.now();
  #worker: Worker | null = null;
  #isBusy = false;

  constructor(destination: string, cancellation: Cancellation) {
    this.#destination = destination;
    this.#cancellation = cancellation;
  }

  /** Throws what the task threw; `cancelled` as soon as it is asked for. */
  async run<K extends keyof ExportTasks>(
    kind: K,
    request: ExportTasks[K]['request'],
    report: ReportProgress,
  ): Promise<ExportTasks[K]['result']> {
    const answer = Promise.withResolvers<unknown>();
    const receive = (reply: ExportReply): void => {
      if (reply.kind === 'progress') {
        report(reply.progress);
        return;
      }
      this.#isBusy = false;
      if (reply.kind === 'done') answer.resolve(reply.result);
      else answer.reject(fromWireError(reply.error));
    };
    const died = (cause: unknown): void => {
      answer.reject(
        new StudioError(
          'internal',
          'The export stopped unexpectedly. Nothing that was there before is changed; try again, or choose another format.',
          { cause },
        ),
      );
    };
    const poll = setInterval(() => {
      if (this.#cancellation.aborted) answer.reject(new StudioError('cancelled', 'Cancelled.'));
    }, cancellationPollMs);
    const worker = (this.#worker ??= this.#start());
    worker.on('message', receive).on('error', died).on('exit', died);
    this.#isBusy = true;
    worker.postMessage({ kind, request } as ExportRequest);
    try {
      return (await answer.promise) as ExportTasks[K]['result'];
    } finally {
      clearInterval(poll);
      worker.off('message', receive).off('error', died).off('exit', died);
    }
  }

  /** Ends the thread; what it had begun to write and not finished is removed. */
  async close(): Promise<void> {
    await this.#end();
    for (const subfolder of subfolders) {
      const folder = join(this.#destination, subfolder);
      const names = await readdir(folder).catch(() => []);
      for (const name of names.filter((each) => unfinishedName.test(each))) {
        const path = join(folder, name);
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
        if (mtimeMs >= this.#startedAt) await rm(path, { recursive: true, force: true });
      }
    }
  }

  /** Lets an idle thread end by its own hand: Node may crash where workers are terminated while others start (nodejs/node#56312). */
  async #end(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    if (this.#isBusy) {
      await worker.terminate();
      return;
    }
    const ended = once(worker, 'exit');
    worker.postMessage('close' satisfies ExportRequest);
    const hung = setTimeout(() => void worker.terminate(), closeMs);
    await ended;
    clearTimeout(hung);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./exportWorker.ts', import.meta.url), { stdout: true });
    worker.stdout.resume(); // A codec's chatter must not reach a command's output.
    const gone = (): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#isBusy = false;
    };
    worker.on('error', gone).on('exit', gone); // Also between two tasks.
    return worker;
  }
}
