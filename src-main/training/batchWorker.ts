/** Worker thread that makes batches while the engine trains on the ones before. */
import { parentPort, workerData } from 'node:worker_threads';
import { toWireError } from '#shared/base/errors.ts';
import { BatchMaker, type Batch, type BatchSpecification } from './batches.ts';

const maker = new BatchMaker(workerData as BatchSpecification);

parentPort?.on('message', ({ step, batch }: { step: number; batch: Batch }) => {
  try {
    maker.make(step, batch);
    parentPort?.postMessage({ step, batch }, [batch.image.buffer, batch.classes.buffer] as ArrayBuffer[]);
  } catch (error) {
    parentPort?.postMessage({ step, error: toWireError(error) });
  }
});
