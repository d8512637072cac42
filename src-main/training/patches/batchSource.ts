import { Worker } from 'node:worker_threads';
import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError, fromWireError, type WireError } from '#shared/base/errors.ts';
import { emptyBatch, type Batch, type BatchSpecification } from './batches.ts';

interface Waiting {
  readonly promise: Promise<Batch>;
  readonly resolve: (batch: Batch) => void;
  readonly reject: (error: unknown) => void;
}

type Reply = { readonly step: number; readonly batch: Batch } | { readonly step: number; readonly error: WireError };

/** How many batches are made ahead: enough that a slow one does not stop the engine. */
const ahead = 3;
/** A worker that has not ended by its own hand after this long hangs. */
const closeMilliseconds = 10_000;

/** 'close': nothing more will come; the worker ends by its own hand. */
export type BatchRequest = { readonly step: number; readonly batch: Batch } | 'close';

/** Batches `first`, `first + 1`, … of a run, made ahead in a worker thread. Buffers go back and forth; nothing is copied. */
export class BatchSource implements Disposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next: number;

  constructor(specification: BatchSpecification, first: number) {
    this.#worker = new Worker(new URL('./batchWorker.ts', import.meta.url), { workerData: specification });
    this.#worker.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.step);
      if ('error' in reply) waiting?.reject(fromWireError(reply.error));
      else waiting?.resolve(reply.batch);
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new StudioError('internal', 'The preparation of training data ended unexpectedly.')));
    this.#next = first;
    for (let n = 0; n < ahead; n++) this.#ask(emptyBatch(specification));
  }

  #ask(batch: Batch): void {
    const waiting = Promise.withResolvers<Batch>();
    waiting.promise.catch(() => undefined); // reported to whoever takes it
    this.#waiting.set(this.#next, waiting);
    this.#worker.postMessage({ step: this.#next++, batch } satisfies BatchRequest, [
      batch.image.buffer,
      batch.classes.buffer,
    ] as ArrayBuffer[]);
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }

  /** Hands batch `step` to `use` and takes its buffers back for a later one. Steps come in order. */
  async take(step: number, use: (batch: Batch) => Promise<void>): Promise<void> {
    const waiting = this.#waiting.get(step);
    if (waiting === undefined)
      throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `batch ${step} is out of order` });
    const batch = await waiting.promise;
    await use(batch);
    this.#waiting.delete(step);
    this.#ask(batch);
  }

  /** Lets the worker end by its own hand once its batch is made: Node may crash where workers are terminated while others start (nodejs/node#56312). */
  dispose(): void {
    this.#waiting.clear();
    this.#worker.postMessage('close' satisfies BatchRequest);
    const hung = setTimeout(() => void this.#worker.terminate(), closeMilliseconds);
    hung.unref();
    this.#worker.once('exit', () => {
      clearTimeout(hung);
    });
  }
}
