import { variantNames } from '../domain/modelCard.ts';
import * as v from 'valibot';
import { jobKinds, jobStates } from '../domain/job.ts';
import { isTime } from '../domain/night.ts';
import { defineService } from './define.ts';
import { count, finite, fraction, id, list, nothing, severity, text, timestamp, wireError } from './values.ts';

export const jobKind = v.picklist(jobKinds);
export const jobState = v.picklist(jobStates);

export const job = v.strictObject({
  id,
  kind: jobKind,
  state: jobState,
  priority: v.picklist(['interactive', 'background']),
  title: text(256),
  phase: text(200),
  fraction,
  remainingSeconds: v.nullable(finite),
  createdAt: timestamp,
  startedAt: v.nullable(timestamp),
  endedAt: v.nullable(timestamp),
  error: v.nullable(wireError),
  /** How often it was started; above 1 after a crash or a resume. */
  attempt: count,
  /** A checkpoint is there: `resume` resumes from it. */
  canResume: v.boolean(),
  /** The model that came out of it, once done. */
  modelId: v.nullable(id),
});

/** One point of the live curves. `seconds` since the job's start, without pauses. */
export const curvePoint = v.strictObject({
  step: count,
  seconds: finite,
  /** Mean training loss since the point before. */
  loss: v.nullable(finite),
  learningRate: v.nullable(finite),
  /** Validation Dice by label name, where this point was a validation. */
  dice: v.nullable(v.record(text(128), finite)),
});

export const budget = v.variant('kind', [
  v.strictObject({ kind: v.picklist(['quick', 'standard', 'overnight']) }),
  v.strictObject({ kind: v.literal('minutes'), minutes: v.pipe(v.number(), v.minValue(0.1), v.maxValue(100_000)) }),
]);

/** What "improve" is going to do, and why, before it begins. */
export const improvePlan = v.strictObject({
  minutes: finite,
  device: text(128),
  steps: list(v.strictObject({ phase: text(128), minutes: finite, reason: text(1000) }), 20),
  trainingCases: count,
  validationCases: count,
  unlabelledCases: count,
  memoryBytes: v.nullable(count),
  startsFrom: text(256),
  /** Why it cannot begin, each a sentence that says what to do; empty when it can. */
  obstacles: list(text(1000), 20),
  /** Images of the accepted cases by name, where there are several: whether the network takes each, and the cases that lack it. */
  images: list(v.strictObject({ name: text(512), cases: count, lacking: list(text(512), 100_000), isTaken: v.boolean() }), 1000),
  remarks: list(text(1000), 20),
});

export const interval = v.strictObject({ mean: finite, low: finite, high: finite });
export const labelComparison = v.strictObject({
  label: text(128),
  diceBefore: v.nullable(finite),
  diceAfter: v.nullable(finite),
  hd95Before: v.nullable(finite),
  hd95After: v.nullable(finite),
  /** Difference of Dice over cases with its 95% confidence interval. */
  difference: v.nullable(interval),
});
/** Two models on the same held-out cases. */
export const comparison = v.strictObject({
  beforeModelId: v.nullable(id),
  afterModelId: id,
  cases: count,
  meanBefore: v.nullable(finite),
  meanAfter: finite,
  labels: list(labelComparison, 255),
  promotionProposed: v.boolean(),
  /** "Gain of …", or "no gain" and why. */
  verdict: text(2000),
});

export const alarm = v.strictObject({ at: timestamp, severity, message: text(2000) });

const improveInput = {
  budget,
  device: v.optional(text(128)),
  /** Images of a case that the network takes, by name; unless given what the model in use takes, or those that every accepted case has. With others a new model begins. */
  channels: v.optional(v.pipe(list(text(256), 16), v.minLength(1))),
  /** A case that lacks one of them is left out (unless given), or has zeros in its place. */
  missingChannels: v.optional(v.picklist(['leaveOut', 'zeros'])),
  /** The network of a first model. Beside an imported model in use a new one of this kind begins, and is compared with it. */
  variant: v.optional(v.picklist(variantNames)),
};

/** When the model is improved by itself; null: not then. */
export const nightPlan = v.strictObject({
  /** Of the computer's own clock, every day. */
  at: v.nullable(v.pipe(v.string(), v.check(isTime, 'HH:MM'))),
  awayMinutes: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(600))),
  /** What it may take. */
  minutes: v.pipe(v.number(), v.minValue(1), v.maxValue(100_000)),
  /** Pointing learns after an improvement, by night as by day, where a network answers. */
  pointing: v.optional(v.boolean(), true),
});
export const night = v.strictObject({
  plan: nightPlan,
  /** When it begins next by the clock. */
  next: v.nullable(timestamp),
  /** What came of the last one, until the person has seen it. */
  report: v.nullable(
    v.strictObject({
      at: timestamp,
      outcome: v.picklist(['done', 'failed', 'missed', 'refused']),
      jobId: v.nullable(id),
      message: text(4000),
    }),
  ),
});

const jobOnly = v.strictObject({ jobId: id });

export const jobs = defineService({
  methods: {
    plan: { input: v.strictObject(improveInput), output: improvePlan },
    /** `submit`: hand it over, as `settings.submitTo` says it, instead of computing here. */
    improve: {
      changes: true,
      input: v.strictObject({
        ...improveInput,
        submit: v.optional(
          v.strictObject({
            to: text(1000),
            folder: v.optional(text(4096), ''),
            mapped: v.optional(list(v.strictObject({ from: text(4096), to: text(4096) }), 100), []),
          }),
        ),
      }),
      output: v.strictObject({ jobId: id }),
    },
    /** Hands an empty job over and waits for a worker's answer, at most a minute. `answer` says what came of it. */
    trySubmit: {
      input: v.strictObject({ to: text(1000), folder: v.optional(text(4096), '') }),
      output: v.strictObject({ works: v.boolean(), answer: text(2000) }),
    },
    /** Orders the open cases by what labelling them would teach, with the model in use; null where there is nothing to order. */
    rank: { changes: true, input: nothing, output: v.strictObject({ jobId: v.nullable(id) }) },
    list: {
      input: v.strictObject({ limit: v.optional(v.pipe(count, v.maxValue(500)), 50) }),
      output: v.strictObject({ jobs: list(job, 500) }),
    },
    get: {
      input: jobOnly,
      output: v.strictObject({ job, points: list(curvePoint, 100_000), alarms: list(alarm, 1000), comparison: v.nullable(comparison) }),
    },
    cancel: { changes: true, input: jobOnly, output: nothing },
    /** Stops at a checkpoint, to go on with `resume`. */
    pause: { changes: true, input: jobOnly, output: nothing },
    /** Goes on from the last checkpoint after a pause, interruption, failure or cancellation. */
    resume: { changes: true, input: jobOnly, output: nothing },
    /** When the model is improved by itself, and what came of the last time. */
    night: { input: nothing, output: night },
    planNight: { changes: true, input: nightPlan, output: night },
    /** The person has seen the report. */
    nightSeen: { changes: true, input: nothing, output: nothing },
  },
  events: {
    /** State, phase or progress changed (at most a few times a second). */
    changed: v.strictObject({ job }),
    point: v.strictObject({ jobId: id, point: curvePoint }),
    alarm: v.strictObject({ jobId: id, alarm }),
    /** Plan or report changed. */
    night,
    /** The compute process is silent, answers again, ended unexpectedly, or was started again. */
    compute: v.strictObject({
      state: v.picklist(['silent', 'running', 'crashed', 'restarted']),
      message: text(2000),
      jobIds: list(id, 1000),
    }),
  },
});
