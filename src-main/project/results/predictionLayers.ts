import { Worker } from 'node:worker_threads';
import { fromWireError, StudioError, type WireError } from '#shared/base/errors.ts';
import type { UncertainRegion } from '#shared/domain/uncertaintyTour.ts';

export interface LayersRequest {
  /** Label volume that the job wrote. */
  readonly mask: string;
  /** Uncertainty 0..255 on the same grid, or null. */
  readonly uncertainty: string | null;
  /** Mask file to write. */
  readonly output: string;
}

export interface PredictionLayers {
  /** SHA-256 of the mask file. */
  readonly contentHash: string;
  readonly labels: readonly number[];
  /** Mean over the predicted foreground, 0..1. */
  readonly uncertainty: number;
  readonly regions: readonly UncertainRegion[];
}

export type LayersReply = ({ readonly kind: 'done' } & PredictionLayers) | { readonly kind: 'failed'; readonly error: WireError };

/** Stores a predicted mask and finds what the model is unsure of, in a worker: both take seconds on large volumes. */
export function makePredictionLayers(request: LayersRequest): Promise<PredictionLayers> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./predictionWorker.ts', import.meta.url), { workerData: request });
    worker.once('message', (reply: LayersReply) => {
      if (reply.kind === 'done') resolve(reply);
      else reject(fromWireError(reply.error));
    });
    worker.once('error', (cause) => {
      reject(new StudioError('internal', 'The prediction could not be stored. Run it again.', { cause }));
    });
    worker.once('exit', () => {
      reject(new StudioError('internal', 'The prediction could not be stored. Run it again.'));
    });
  });
}
