import { Worker as Thread } from 'node:worker_threads';

/** Threads that the window has begun and not ended. */
export const liveWorkers = new Set<ThreadWorker>();

/** The browser's module worker over a thread of Node's: what the renderer's `work` needs to run without a browser. */
class ThreadWorker {
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onerror: ((event: { readonly message: string; preventDefault(): void }) => void) | null = null;
  readonly #thread: Thread;

  constructor(url: URL) {
    this.#thread = new Thread(new URL('./windowWorker.ts', import.meta.url), { workerData: url.href });
    this.#thread.on('message', (data: unknown) => this.onmessage?.({ data }));
    this.#thread.on('error', (error) => this.onerror?.({ message: String(error), preventDefault: () => undefined }));
    liveWorkers.add(this);
  }

  postMessage(data: unknown, transfer: ArrayBuffer[] = []): void {
    this.#thread.postMessage(data, transfer);
  }

  terminate(): void {
    liveWorkers.delete(this);
    void this.#thread.terminate();
  }
}

Object.assign(globalThis, { Worker: ThreadWorker, crossOriginIsolated: true });
