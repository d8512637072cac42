import { totalmem } from 'node:os';
import { StudioError } from '#shared/base/errors.ts';
import type { CancelSignal } from '#shared/contract/contract.ts';
import { readCaseImage } from '#main/exchange/caseImages.ts';
import type { ReadImage } from '#main/imageio/readImage.ts';
import type { Project } from '#main/library/index.ts';

interface Loading {
  readonly image: Promise<ReadImage>;
  readonly cancellation: { aborted: boolean };
  /** Callers that still want it; without any, decoding stops. */
  waiting: number;
}

/** Decoded images of the cases in use: as many as fit into a sixth of the machine's memory, at least two, the longest unused go first. */
export class ImageCache {
  readonly #project: Project;
  readonly #images = new Map<string, ReadImage>();
  readonly #loading = new Map<string, Loading>();
  readonly #maximumBytes: number;

  constructor(project: Project, maximumBytes = totalmem() / 6) {
    this.#project = project;
    this.#maximumBytes = maximumBytes;
  }

  /**
   * An image of a case, the leading one unless `imageId` names another, decoded again where it is not held. Callers that wait for the same image share one decoding, which ends when the
   * last of them has cancelled. Throws what `readCaseImage` throws.
   */
  async get(caseId: string, signal?: CancelSignal, imageId: string | null = null): Promise<ReadImage> {
    const key = keyOf(caseId, imageId);
    const held = this.#images.get(key);
    if (held !== undefined) {
      this.#images.delete(key);
      this.#images.set(key, held);
      return held;
    }
    const loading = this.#loading.get(key) ?? this.#begin(caseId, imageId);
    loading.waiting++;
    try {
      return await untilAborted(loading.image, signal);
    } finally {
      loading.waiting--;
      if (loading.waiting === 0) {
        loading.cancellation.aborted = true;
        if (this.#loading.get(key) === loading) this.#loading.delete(key);
      }
    }
  }

  /** All images of a case. */
  release(caseId: string): void {
    for (const key of this.#images.keys()) if (key.startsWith(keyOf(caseId, ''))) this.#images.delete(key);
  }

  #begin(caseId: string, imageId: string | null): Loading {
    const cancellation = { aborted: false };
    const loading = { image: this.#load(caseId, imageId, cancellation), cancellation, waiting: 0 };
    this.#loading.set(keyOf(caseId, imageId), loading);
    return loading;
  }

  async #load(caseId: string, imageId: string | null, cancellation: { readonly aborted: boolean }): Promise<ReadImage> {
    const image = await readCaseImage(this.#project, caseId, cancellation, imageId);
    this.#images.set(keyOf(caseId, imageId), image);
    this.#evict();
    return image;
  }

  #evict(): void {
    let bytes = [...this.#images.values()].reduce((sum, image) => sum + image.volume.data.byteLength, 0);
    for (const [key, image] of this.#images) {
      if (bytes <= this.#maximumBytes || this.#images.size <= 2) return;
      this.#images.delete(key);
      bytes -= image.volume.data.byteLength;
    }
  }
}

const keyOf = (caseId: string, imageId: string | null): string => `${caseId}/${imageId ?? ''}`;

function untilAborted<T>(work: Promise<T>, signal: CancelSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(new StudioError('cancelled', 'Cancelled.'));
    };
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop));
  });
}
