import type { WireError } from '../base/errors.ts';

export const jobKinds = ['improve', 'train', 'predict', 'evaluate', 'cluster', 'pretrain', 'rank', 'improvePrompts'] as const;
export type JobKind = (typeof jobKinds)[number];

export const jobStates = ['queued', 'running', 'paused', 'interrupted', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** Interactive: someone is looking at the screen for it (one prediction); it goes before, and between the steps of, background work. */
export type JobPriority = 'interactive' | 'background';

/** A piece of work of the compute process. Times are ISO 8601 in UTC. */
export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly priority: JobPriority;
  readonly title: string;
  /** What it is doing, for a person. */
  readonly phase: string;
  /** 0..1 */
  readonly fraction: number;
  readonly remainingSeconds: number | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly error: WireError | null;
  /** How often it was started; above 1 after a crash or a resume. */
  readonly attempt: number;
  /** It is stopped and a checkpoint is there to go on from. */
  readonly canResume: boolean;
  /** The model that came out of it. */
  readonly modelId: string | null;
}

/** One point of a training's live curves. `seconds` since the job's start, without pauses. */
export interface CurvePoint {
  readonly step: number;
  readonly seconds: number;
  /** Mean training loss since the point before. */
  readonly loss: number | null;
  readonly learningRate: number | null;
  /** Validation Dice by label name, where this point was a validation. */
  readonly dice: Readonly<Record<string, number>> | null;
}

export type Severity = 'info' | 'warning' | 'error';

/** Something that the person should know while a job runs. */
export interface JobAlarm {
  readonly at: string;
  readonly severity: Severity;
  readonly message: string;
}

/** A mean with its confidence interval. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface LabelComparison {
  readonly label: string;
  readonly diceBefore: number | null;
  readonly diceAfter: number | null;
  readonly hd95Before: number | null;
  readonly hd95After: number | null;
  /** Difference of Dice over cases (after − before) with its 95% bootstrap interval. */
  readonly difference: Interval | null;
}

/** Two models on the same held-out cases. */
export interface Comparison {
  readonly beforeModelId: string | null;
  readonly afterModelId: string;
  readonly cases: number;
  readonly meanBefore: number | null;
  readonly meanAfter: number;
  readonly labels: readonly LabelComparison[];
  readonly promotionProposed: boolean;
  /** "Gain of …", or "no gain" and why. */
  readonly verdict: string;
}

export interface PlanStep {
  readonly phase: string;
  readonly minutes: number;
  readonly reason: string;
}

/** What "improve" is going to do, and why, before it begins. */
export interface ImprovePlan {
  readonly minutes: number;
  readonly device: string;
  readonly steps: readonly PlanStep[];
  readonly trainingCases: number;
  readonly validationCases: number;
  readonly unlabelledCases: number;
  readonly memoryBytes: number | null;
  readonly startsFrom: string;
  /** Why it cannot begin, each a sentence that says what to do; empty when it can. */
  readonly obstacles: readonly string[];
  readonly remarks: readonly string[];
}
