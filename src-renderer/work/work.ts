import { fromWireError, StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { decodeDelta, type Box, type Delta, type LabelMiddle, type Operation } from '#shared/segmentation/index.ts';
import type { Surface } from '../../src-shared/geometry/surfaceNets.ts';
import { ChangedBoxes } from './patches.ts';
import type { EditLimits, WorkReply, WorkRequest } from './work.worker.ts';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly report: ReportProgress;
}

type AskRequest =
  Extract<WorkRequest, { readonly id: number }> extends infer R ? (R extends { readonly id: number } ? Omit<R, 'id'> : never) : never;

/**
 * Heavy work on the mask, off the window's thread. The worker decodes a copy of the mask at the first request; afterwards only boxes that
 * changed are sent. Cancelling ends the worker, and the next request begins a new one.
 */
export class MaskWork implements Disposable {
  readonly #mask: Volume<Uint8Array>;
  readonly #image: Volume;
  #prediction: Volume<Uint8Array> | null = null;
  #worker: Worker | null = null;
  readonly #changed = new ChangedBoxes();
  #sent = { image: false, prediction: false };
  /** The mask as it was opened; null once a worker has taken it. */
  #encoded: Uint8Array | null;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  /** `encoded` is the mask as encodeMask writes it, before any change that `changed` tells of. */
  constructor(mask: Volume<Uint8Array>, image: Volume, encoded: Uint8Array) {
    this.#mask = mask;
    this.#image = image;
    this.#encoded = encoded;
  }

  setPrediction(prediction: Volume<Uint8Array> | null): void {
    this.#prediction = prediction;
    this.#sent.prediction = false;
  }

  /** The mask changed here since the last request. */
  changed(box: Box): void {
    this.#changed.add(box);
  }

  /** The delta of an operation; the mask itself is not changed. */
  async run(operation: Operation, limits: EditLimits, report: ReportProgress, signal: AbortSignal): Promise<Delta> {
    const abort = (): void => this.dispose();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const delta = decodeDelta((await this.#ask({ kind: 'operation', operation, limits }, report, true)) as Uint8Array);
      if (delta.box !== null) this.changed(delta.box); // The worker's copy is ahead until the delta is applied here, too.
      return delta;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Voxels by label value. */
  async counts(): Promise<Readonly<Record<number, number>>> {
    return (await this.#ask({ kind: 'counts' }, () => undefined, false)) as Readonly<Record<number, number>>;
  }

  /** The middle of each label, by its value. */
  async middles(): Promise<ReadonlyMap<number, LabelMiddle>> {
    return (await this.#ask({ kind: 'middles' }, () => undefined, false)) as ReadonlyMap<number, LabelMiddle>;
  }

  /** Surfaces by label; null where it is the one that this worker gave before. */
  async surfaces(labels: readonly number[], report: ReportProgress): Promise<readonly (readonly [number, Surface | null])[]> {
    return (await this.#ask({ kind: 'surfaces', labels }, report, false)) as readonly (readonly [number, Surface | null])[];
  }

  dispose(): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(new StudioError('cancelled', 'Cancelled.'));
    this.#waiting.clear();
  }

  #ask(request: AskRequest, report: ReportProgress, withLayers: boolean): Promise<unknown> {
    const worker = this.#ready(withLayers);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, report });
      worker.postMessage({ ...request, id } as WorkRequest);
    });
  }

  #ready(withLayers: boolean): Worker {
    const worker = this.#worker ?? this.#start();
    const patches = this.#changed.take(this.#mask);
    if (patches.length > 0) {
      worker.postMessage(
        { kind: 'patch', patches } satisfies WorkRequest,
        patches.map(({ data }) => data.buffer as ArrayBuffer),
      );
    }
    if (withLayers && !this.#sent.image) {
      this.#sent.image = true;
      worker.postMessage({ kind: 'layer', layer: 'image', volume: this.#image } satisfies WorkRequest);
    }
    if (withLayers && !this.#sent.prediction && this.#prediction !== null) {
      this.#sent.prediction = true;
      worker.postMessage({ kind: 'layer', layer: 'prediction', volume: this.#prediction } satisfies WorkRequest);
    }
    return worker;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./work.worker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    this.#sent = { image: false, prediction: false };
    worker.onmessage = ({ data }: MessageEvent<WorkReply>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#waiting.values())
        reject(new StudioError('internal', 'The tool stopped unexpectedly. The mask is unchanged; try again.', { detail: event.message }));
      this.#waiting.clear();
      this.#worker?.terminate();
      this.#worker = null;
    };
    if (this.#encoded === null) {
      const data = this.#mask.data.slice();
      worker.postMessage({ kind: 'open', mask: { grid: this.#mask.grid, data } } satisfies WorkRequest, [data.buffer]);
      this.#changed.clear();
    } else worker.postMessage({ kind: 'open', mask: this.#encoded } satisfies WorkRequest);
    this.#encoded = null;
    return worker;
  }

  #receive(message: WorkReply): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.kind === 'progress') {
      waiting.report({ phase: message.phase, fraction: message.fraction });
      return;
    }
    this.#waiting.delete(message.id);
    if (message.kind === 'done') waiting.resolve(message.result);
    else waiting.reject(fromWireError(message.error));
  }
}
