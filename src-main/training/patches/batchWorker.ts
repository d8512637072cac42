/** Worker thread that makes batches while the engine trains on the ones before. */
import { parentPort, workerData } from 'node:worker_threads';
import { toWireError } from '#shared/base/errors.ts';
import { BatchMaker, type BatchSpecification } from './batches.ts';
import type { BatchRequest } from './batchSource.ts';

const maker = new BatchMaker(workerData as BatchSpecification);

parentPort?.on('message', (request: BatchRequest) => {
  if (request === 'close') {
    maker.close();
    parentPort?.close();
    return;
  }
  const { step, batch } = request;
  try {
    maker.make(step, batch);
    parentPort?.postMessage({ step, batch }, [batch.image.buffer, batch.classes.buffer] as ArrayBuffer[]);
  } catch (error) {
    parentPort?.postMessage({ step, error: toWireError(error) });
  }
});
