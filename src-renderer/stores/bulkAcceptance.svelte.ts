import type { Client } from '#shared/contract/client.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { whyAsked } from '#shared/domain/mask.ts';

export type MaskPreview = Awaited<ReturnType<Client['document']['preview']>>;
export type MaskSlice = MaskPreview['slices'][number];

/** A case that is to be accepted together with others. */
export interface BulkCase {
  readonly caseId: string;
  readonly name: string;
  readonly chosen: boolean;
  /** What would be kept; null until it is there. */
  readonly preview: MaskPreview | null;
  /** Why it could not be looked at, or was not accepted. */
  readonly failure: string | null;
  readonly accepted: boolean;
}

/** Accepting several cases at once: each one's middle slices are shown first, and what was shown is what is accepted. */
export class BulkAcceptance {
  cases = $state.raw<readonly BulkCase[]>([]);
  /** Cases that nobody has corrected get their prediction as mask. */
  prediction = $state(false);
  /** Also masks that are empty or lack labels of the prediction. */
  allowEmpty = $state(false);
  accepting = $state(false);
  readonly #client: Client;
  #loading = new AbortController();

  constructor(client: Client, cases: readonly Pick<BulkCase, 'caseId' | 'name'>[]) {
    this.#client = client;
    this.cases = cases.map((each) => ({ ...each, chosen: true, preview: null, failure: null, accepted: false }));
    void this.look();
  }

  dispose(): void {
    this.#loading.abort();
  }

  /** Those that would be accepted now. */
  get ready(): readonly BulkCase[] {
    return this.cases.filter((each) => each.chosen && !each.accepted && each.preview !== null && this.reason(each, []) === null);
  }

  /** Some are still to be shown. */
  get looking(): boolean {
    return this.cases.some(({ preview, failure, accepted }) => preview === null && failure === null && !accepted);
  }

  /** Why a case would not be accepted, in a sentence; null where it would, or is. */
  reason({ preview, failure, accepted }: BulkCase, labels: readonly Label[]): string | null {
    if (accepted) return null;
    if (failure !== null) return failure;
    if (preview === null || preview.refused !== null) return preview?.refused ?? null;
    return preview.asks === null || this.allowEmpty ? null : whyAsked(preview.asks, labels);
  }

  choose(caseId: string, chosen: boolean): void {
    this.#change(caseId, { chosen });
  }

  takePrediction(prediction: boolean): void {
    this.prediction = prediction;
    void this.look();
  }

  /** Fetches what is to be shown of every case that is not accepted, one after the other. */
  async look(): Promise<void> {
    this.#loading.abort();
    const { signal } = (this.#loading = new AbortController());
    this.cases = this.cases.map((each) => ({ ...each, preview: null, failure: null }));
    const { prediction } = this;
    for (const { caseId, accepted } of this.cases) {
      if (signal.aborted) return;
      if (accepted) continue;
      try {
        const preview = await this.#client.document.preview({ caseId, prediction }, { signal });
        if (!signal.aborted) this.#change(caseId, { preview });
      } catch (error) {
        if (!signal.aborted) this.#change(caseId, { failure: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  /** Accepts what was shown. What is skipped stays, with the reason. Throws what keeps all of them from it, such as `disk-full`. */
  async accept(): Promise<void> {
    const cases = this.ready.flatMap(({ caseId, preview }) => (preview === null ? [] : [{ caseId, fingerprint: preview.fingerprint }]));
    if (cases.length === 0) return;
    this.accepting = true;
    try {
      const { prediction, allowEmpty } = this;
      const { accepted, skipped } = await this.#client.document.acceptMany({ cases, prediction, allowEmpty });
      for (const caseId of accepted) this.#change(caseId, { accepted: true });
      for (const { caseId, reason } of skipped) this.#change(caseId, { failure: reason });
    } finally {
      this.accepting = false;
    }
  }

  #change(caseId: string, change: Partial<BulkCase>): void {
    this.cases = this.cases.map((each) => (each.caseId === caseId ? { ...each, ...change } : each));
  }
}
