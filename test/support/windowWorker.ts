import { parentPort, workerData } from 'node:worker_threads';

/** The globals of a module worker, then the worker itself. What comes meanwhile waits, as in a browser. */
const global = globalThis as unknown as { onmessage: ((event: { readonly data: unknown }) => void) | null; postMessage: unknown };
global.onmessage = null;
global.postMessage = (data: unknown): void => parentPort?.postMessage(data);
await import(workerData as string);
parentPort?.on('message', (data: unknown) => global.onmessage?.({ data }));
