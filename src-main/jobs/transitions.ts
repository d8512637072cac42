import { StudioError } from '#shared/base/errors.ts';
import type { JobState } from '#shared/domain/job.ts';

export type JobAction = 'start' | 'finish' | 'fail' | 'interrupt' | 'pause' | 'cancel' | 'resume';

const forbidden = null;

/** Every state and every action: what follows, or that it must not happen. */
export const transitions: Readonly<Record<JobState, Readonly<Record<JobAction, JobState | null>>>> = {
  queued: {
    start: 'running',
    finish: forbidden,
    fail: forbidden,
    interrupt: forbidden,
    pause: 'paused',
    cancel: 'cancelled',
    resume: forbidden,
  },
  running: {
    start: forbidden,
    finish: 'done',
    fail: 'failed',
    interrupt: 'interrupted',
    pause: 'paused',
    cancel: 'cancelled',
    resume: forbidden,
  },
  paused: {
    start: forbidden,
    finish: forbidden,
    fail: forbidden,
    interrupt: forbidden,
    pause: forbidden,
    cancel: 'cancelled',
    resume: 'queued',
  },
  interrupted: {
    start: forbidden,
    finish: forbidden,
    fail: 'failed',
    interrupt: forbidden,
    pause: forbidden,
    cancel: 'cancelled',
    resume: 'queued',
  },
  failed: {
    start: forbidden,
    finish: forbidden,
    fail: forbidden,
    interrupt: forbidden,
    pause: forbidden,
    cancel: forbidden,
    resume: 'queued',
  },
  cancelled: {
    start: forbidden,
    finish: forbidden,
    fail: forbidden,
    interrupt: forbidden,
    pause: forbidden,
    cancel: forbidden,
    resume: 'queued',
  },
  done: {
    start: forbidden,
    finish: forbidden,
    fail: forbidden,
    interrupt: forbidden,
    pause: forbidden,
    cancel: forbidden,
    resume: forbidden,
  },
};

const sentences: Readonly<Record<JobAction, string>> = {
  start: 'started',
  finish: 'finished',
  fail: 'marked as failed',
  interrupt: 'interrupted',
  pause: 'paused',
  cancel: 'cancelled',
  resume: 'resumed',
};

export function isAllowed(state: JobState, action: JobAction): boolean {
  return transitions[state][action] !== null;
}

/** The state after `action`; throws `conflict` where the table forbids it. */
export function nextState(state: JobState, action: JobAction): JobState {
  const next = transitions[state][action];
  if (next === null) throw new StudioError('conflict', `This job is ${state} and cannot be ${sentences[action]}.`);
  return next;
}

/** Nothing more happens to the job unless someone asks for it. */
export function isStopped(state: JobState): boolean {
  return state !== 'queued' && state !== 'running';
}
