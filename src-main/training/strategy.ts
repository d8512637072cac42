import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { CurvePoint, Severity } from '#shared/domain/job.ts';
import type { Checkpoint, RunState } from './checkpoint.ts';
import type { GuardedStore } from './guardedStore.ts';
import type { NamedMessage } from './guards.ts';

export interface TrainingHooks {
  readonly report: ReportProgress;
  readonly point: (point: CurvePoint) => void;
  readonly alarm: (severity: Severity, message: string) => void;
  readonly cancellation: Cancellation;
  readonly turn: () => Promise<void>;
}

/** What a strategy adds to a checkpoint; the rest of it is the loop's. */
export type Snapshot = Omit<Checkpoint, 'state'> & Pick<RunState, 'averageUpdates' | 'best'>;

export interface Measured {
  readonly dice: NonNullable<CurvePoint['dice']>;
  /** Classes that are not being learned: the person is told once of each, when it can be said. */
  readonly collapsed: readonly NamedMessage[];
}

export interface Pace {
  readonly learningRate: number;
  /** Part of the budget that is used, 0..1. */
  readonly fraction: number;
}

/**
 * One kind of training: what a step is, what is saved, and what happens at the end. The loop (loop.ts) decides when, and nothing about
 * loss, batch or weights.
 */
export interface TrainingStrategy<Result> {
  /** For progress and messages, e.g. 'Training'. */
  readonly name: string;
  /** What must be the same for a checkpoint to be resumed from. */
  readonly signature: string;
  readonly isSameRun: (found: string) => boolean;
  /** What the person can do when the loss became NaN again and again. */
  readonly advice: string;
  /** Fresh weights, or those to start from. */
  readonly begin: () => Promise<void>;
  readonly restore: (checkpoint: Checkpoint) => Promise<void>;
  readonly snapshot: () => Promise<Snapshot>;
  /** Learning rate when `fraction` (0..1) of the budget is used. */
  readonly learningRate: (fraction: number) => number;
  /** Optimiser step number `step`, from 0; its loss, or NaN where the loss or the gradient is not finite (the loop then goes back). */
  readonly step: (step: number, pace: Pace) => Promise<number>;
  /** How it stands, in a few words. */
  readonly standing: () => string;
  /** Dice of the weights after `step` steps, where there is something to measure. Seconds that it takes are reserved at the end. */
  readonly measure?: (step: number, store: GuardedStore) => Promise<Measured>;
  /** Classes that are not being learned by what trains, where measurements lie far apart. */
  readonly watch?: () => Promise<readonly NamedMessage[]>;
  /** After the last step and its checkpoint. */
  readonly finish: (steps: number, store: GuardedStore) => Promise<Result>;
}
