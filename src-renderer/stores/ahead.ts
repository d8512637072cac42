import type { Client } from '#shared/contract/client.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import type { ActivityContext } from './activities.svelte.ts';
import { decodeMaskAside } from '../work/decodeMask.ts';
import { readImage, readPredictionLayer, type ImageDescription, type Prediction } from './caseData.ts';

/** A prediction with its voxels. */
export interface ReadPrediction {
  readonly prediction: Prediction;
  readonly labels: Volume<Uint8Array>;
  /** 0 … 255. */
  readonly uncertainty: Volume<Uint8Array> | null;
}

/** A case as it was read before anyone asked for it. */
export interface ReadAhead {
  /** As it stood then: as the host sent it, and decoded. */
  readonly mask: { readonly encoded: Uint8Array; readonly volume: LabelVolume };
  readonly description: ImageDescription;
  readonly volume: Volume;
  readonly prediction: ReadPrediction | null;
}

/** A larger image is not kept beside the one that is corrected. */
const MOST_BYTES = 512 * 1024 ** 2;

/** Fetches the voxels of a case's prediction. */
export async function readPrediction(client: Client, prediction: Prediction, signal?: AbortSignal): Promise<ReadPrediction> {
  const options = signal === undefined ? {} : { signal };
  return {
    prediction,
    labels: await readPredictionLayer(client, prediction, 'labels', options),
    uncertainty: prediction.hasUncertaintyMap ? await readPredictionLayer(client, prediction, 'uncertainty', options) : null,
  };
}

/** Reads the case that comes next while the present one is corrected: one at a time, and dropped where another is to come. */
export class Ahead {
  readonly #client: Client;
  #held: { readonly caseId: string; readonly read: Promise<ReadAhead | null>; readonly stop: AbortController } | null = null;
  #stopWaiting: (() => void) | null = null;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The case that is read, or being read; null where none is. */
  get caseId(): string | null {
    return this.#held?.caseId ?? null;
  }

  /** Reads what comes after `present` once `delay` milliseconds have passed, and again whenever the order of the cases changes. */
  follow(present: string, delay: number): void {
    this.drop();
    let timer: ReturnType<typeof setTimeout>;
    const off = this.#client.on('library.changed', () => again());
    const again = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => void this.#look(present), delay);
    };
    this.#stopWaiting = () => {
      clearTimeout(timer);
      off();
    };
    again();
  }

  /** Hands over what was read of a case, once it is all here; null where it is another's, or failed. Nothing is followed any more. */
  async take(caseId: string, { signal, report }: ActivityContext): Promise<ReadAhead | null> {
    const held = this.#held;
    if (held?.caseId !== caseId) {
      this.drop();
      return null;
    }
    this.#held = null;
    this.drop();
    const stop = (): void => held.stop.abort();
    signal.addEventListener('abort', stop, { once: true });
    report({ phase: 'Reading the image', fraction: 0.5 });
    return held.read.finally(() => signal.removeEventListener('abort', stop));
  }

  drop(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    this.#held?.stop.abort();
    this.#held = null;
  }

  async #look(present: string): Promise<void> {
    const following = this.#stopWaiting;
    const suggestion = await this.#client.library.next({ except: present }).then(
      (answer) => answer.suggestion,
      () => null, // Whoever opens the next case hears of it.
    );
    if (following === null || following !== this.#stopWaiting) return;
    if (suggestion?.caseId === this.#held?.caseId) return;
    this.#held?.stop.abort();
    this.#held = null;
    if (suggestion === null) return;
    const stop = new AbortController();
    const read = this.#read(suggestion.caseId, stop.signal).catch(() => null);
    this.#held = { caseId: suggestion.caseId, read, stop };
  }

  async #read(caseId: string, signal: AbortSignal): Promise<ReadAhead | null> {
    const quietly: ActivityContext = { signal, report: () => undefined };
    const image = await readImage(this.#client, caseId, quietly, MOST_BYTES);
    if (image === null) return null;
    const { mask: encoded } = await this.#client.document.read({ caseId }, { signal });
    const mask = { encoded, volume: await decodeMaskAside(encoded, signal) };
    const prediction = await this.#client.predictions.get({ caseId });
    return { ...image, mask, prediction: prediction === null ? null : await readPrediction(this.#client, prediction, signal) };
  }
}
