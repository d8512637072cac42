import type { Random } from '#shared/base/random.ts';

export interface TrustContext {
  /** How many trials. */
  readonly count: number;
  /** All chance comes from here, so that a seed repeats a run. */
  readonly random: Random;
  /** An empty folder of the row's own, removed afterwards. */
  readonly folder: string;
}

export interface TrustResult {
  readonly tried: number;
  /** One sentence per trial that went wrong, with what repeats it. Empty: the property held. */
  readonly failures: readonly string[];
  /** What was seen: figures, kinds of outcome. */
  readonly note?: string;
  /** Why it could not be tried here; counts neither as passed nor as failed. */
  readonly skipped?: string;
}

/** A property that the application promises, and how it is tried. Each file of rows/ exports one as `row`. */
export interface TrustRow {
  readonly name: string;
  readonly property: string;
  /** Trials of a full run, and of the short form in the test suite (a few seconds). */
  readonly count: number;
  readonly short: number;
  run(context: TrustContext): Promise<TrustResult>;
}
