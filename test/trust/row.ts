import type { Random } from '#shared/base/random.ts';

export interface TrustContext {
  /** How many trials. */
  readonly count: number;
  /** The number of the first one: those before it are run by another call. */
  readonly from: number;
  readonly seed: number;
  /** All chance comes from here or from seed and a trial's number, so that a seed repeats a run. */
  readonly random: Random;
  /** An empty folder of the row's own, removed afterwards. */
  readonly folder: string;
}

export interface TrustResult {
  readonly tried: number;
  /** One sentence per trial that went wrong, with what repeats it. Empty: the property held. */
  readonly failures: readonly string[];
  /** What was seen, by name: added up over a row's parts. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What was seen at most, by name with its unit. */
  readonly most?: Readonly<Record<string, number>>;
  /** What else was seen. */
  readonly note?: string;
  /** Why it could not be tried here; counts neither as passed nor as failed. */
  readonly skipped?: string;
}

/** A property that the application promises, and how it is tried. Each file of rows/ exports one as `row`. */
export interface TrustRow {
  readonly name: string;
  readonly property: string;
  /** Trials of a full run, and of the short form in the test suite (a few seconds; 0 leaves it out there). */
  readonly count: number;
  readonly short: number;
  /** Trials after which a long run notes how far it came, to go on from there; all of them if left out. */
  readonly part?: number;
  run(context: TrustContext): Promise<TrustResult>;
}
