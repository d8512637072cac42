import { Worker } from 'node:worker_threads';
import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError, fromWireError, type WireError } from '#shared/base/errors.ts';
import type { Batch, BatchSpecification } from './batches.ts';

interface Waiting {
  readonly promise: Promise<Batch>;
  readonly resolve: (batch: Batch) => void;
  readonly reject: (error: unknown) => void;
}

type Reply = { readonly step: number; readonly batch: Batch } | { readonly step: number; readonly error: WireError };

/** How many batches are made ahead: enough that a slow one does not stop the engine. */
const ahead = 3;

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
    const { batch, rule } = specification;
    const voxels = batch * rule.size[0] * rule.size[1] * rule.size[2];
    for (let n = 0; n < ahead; n++) this.#ask({ image: new Float32Array(voxels), classes: new Int32Array(voxels) });
  }

  #ask(batch: Batch): void {
    const waiting = Promise.withResolvers<Batch>();
    waiting.promise.catch(() => undefined); // reported to whoever takes it
    this.#waiting.set(this.#next, waiting);
    this.#worker.postMessage({ step: this.#next++, batch }, [batch.image.buffer, batch.classes.buffer] as ArrayBuffer[]);
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }

  /** Hands batch `step` to `use` and takes its buffers back for a later one. Steps come in order. */
  async take(step: number, use: (batch: Batch) => Promise<void>): Promise<void> {
    const waiting = this.#waiting.get(step);
    if (waiting === undefined) throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `batch ${step} is out of order` });
    const batch = await waiting.promise;
    await use(batch);
    this.#waiting.delete(step);
    this.#ask(batch);
  }

  dispose(): void {
    this.#waiting.clear();
    void this.#worker.terminate();
  }
}
