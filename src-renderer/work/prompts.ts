import { fromWireError, StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import type { Carried, CarryRequest } from '#shared/prompts/carry.ts';
import type { PromptProposal } from '#shared/prompts/proposal.ts';
import type { Box } from '#shared/segmentation/index.ts';
import { ChangedBoxes } from './patches.ts';
import type { PromptsReply, PromptsRequest, Proposed, ProposeRequest } from './prompts.worker.ts';

interface Waiting {
  readonly resolve: (result: Proposed | Carried) => void;
  readonly reject: (error: Error) => void;
}

/** A network that is asked with prompts, on the host: the chance of each voxel of a cube of `side` voxels, 0 … 255. */
export interface HostNetwork {
  readonly side: number;
  readonly ask: (input: Uint8Array) => Promise<Uint8Array>;
}

/** What prompts mean, worked out off the window's thread and beside the tools' worker, so that neither waits for the other. */
export class PromptWork implements Disposable {
  readonly #image: Volume;
  readonly #mask: Volume<Uint8Array>;
  #prediction: LabelVolume | null = null;
  #worker: Worker | null = null;
  readonly #changed = new ChangedBoxes();
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #network: HostNetwork | null = null;
  readonly #onSharper: (of: PromptProposal, sharper: PromptProposal) => void;
  /** The proposal that was answered last, by the request's number. */
  #answered: { readonly id: number; readonly proposal: PromptProposal } | null = null;

  /** `onSharper` hears where a proposal was drawn again at the image's own voxels. */
  constructor(image: Volume, mask: Volume<Uint8Array>, onSharper: (of: PromptProposal, sharper: PromptProposal) => void) {
    this.#onSharper = onSharper;
    this.#image = image;
    this.#mask = mask;
  }

  setPrediction(prediction: LabelVolume | null): void {
    this.#prediction = prediction;
    this.#worker?.postMessage({ kind: 'prediction', volume: prediction } satisfies PromptsRequest);
  }

  /** From now on prompts are asked of it. */
  setNetwork(network: HostNetwork): void {
    this.#network = network;
    this.#worker?.postMessage({ kind: 'network', side: network.side } satisfies PromptsRequest);
  }

  /** The mask changed here since the last request. */
  changed(box: Box): void {
    if (this.#worker !== null) this.#changed.add(box);
  }

  /** Starts the worker and hands it image, mask and prediction, so that the first prompt need not wait for that. */
  warm(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL('./prompts.worker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<PromptsReply>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(
        new StudioError('internal', 'The proposal was lost: what works it out stopped unexpectedly. Point again; the mask is unchanged.', {
          detail: event.message,
        }),
      );
    };
    this.#changed.clear();
    const mask = { grid: this.#mask.grid, data: this.#mask.data.slice() };
    worker.postMessage({ kind: 'open', image: this.#image, mask } satisfies PromptsRequest, [mask.data.buffer]);
    if (this.#prediction !== null) this.setPrediction(this.#prediction);
    if (this.#network !== null) this.setNetwork(this.#network);
    return worker;
  }

  /** What the prompts mean. Rejects with `cancelled` once the signal is aborted. */
  async propose(request: ProposeRequest, signal: AbortSignal): Promise<Proposed> {
    return (await this.#request((id) => ({ kind: 'propose', id, request }), signal)) as Proposed;
  }

  /** What a slice becomes in the next one. Rejects as `propose` does. */
  async carry(request: CarryRequest, signal: AbortSignal): Promise<Carried> {
    return (await this.#request((id) => ({ kind: 'carry', id, request }), signal)) as Carried;
  }

  async #request(requestOf: (id: number) => PromptsRequest, signal: AbortSignal): Promise<Proposed | Carried> {
    const worker = this.warm();
    const patches = this.#changed.take(this.#mask);
    if (patches.length > 0)
      worker.postMessage(
        { kind: 'patch', patches } satisfies PromptsRequest,
        patches.map(({ data }) => data.buffer as ArrayBuffer),
      );
    const id = this.#next++;
    const cancel = (): void => {
      worker.postMessage({ kind: 'cancel', id } satisfies PromptsRequest);
      this.#waiting.get(id)?.reject(new StudioError('cancelled', 'Cancelled.'));
      this.#waiting.delete(id);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        worker.postMessage(requestOf(id));
      });
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  dispose(): void {
    this.#end(new StudioError('cancelled', 'Cancelled.'));
  }

  #end(reason: Error): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  async #ask(ask: number, input: Float32Array<ArrayBuffer>): Promise<void> {
    const worker = this.#worker;
    let chance: Uint8Array | WireError;
    try {
      if (this.#network === null) throw new Error('no network');
      chance = await this.#network.ask(new Uint8Array(input.buffer));
    } catch (error) {
      chance = toWireError(error);
    }
    worker?.postMessage({ kind: 'answered', ask, chance } satisfies PromptsRequest);
  }

  #receive(message: PromptsReply): void {
    if (message.kind === 'ask') {
      void this.#ask(message.ask, message.input);
      return;
    }
    if (message.kind === 'sharper') {
      if (this.#answered?.id === message.id) this.#onSharper(this.#answered.proposal, message.proposal);
      return;
    }
    if (message.kind === 'done' && message.result.proposal !== null) this.#answered = { id: message.id, proposal: message.result.proposal };
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'failed') waiting?.reject(fromWireError(message.error));
    else waiting?.resolve(message.result);
  }
}
