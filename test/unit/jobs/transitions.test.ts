import { describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { jobStates } from '#shared/domain/job.ts';
import { isAllowed, isStopped, nextState, transitions } from '#main/jobs/transitions.ts';
import type { JobAction } from '#main/jobs/transitions.ts';

const actions = Object.keys(transitions.queued) as JobAction[];

describe('job states', () => {
  it('allows what the life of a job needs', () => {
    const life: [JobAction, string][] = [
      ['start', 'running'],
      ['interrupt', 'interrupted'],
      ['resume', 'queued'],
      ['start', 'running'],
      ['pause', 'paused'],
      ['resume', 'queued'],
      ['start', 'running'],
      ['finish', 'done'],
    ];
    let state = jobStates[0];
    for (const [action, expected] of life) {
      state = nextState(state, action) as typeof state;
      expect(state).toBe(expected);
    }
  });

  it('throws conflict for every other pair', () => {
    let allowed = 0;
    for (const state of jobStates)
      for (const action of actions) {
        if (isAllowed(state, action)) {
          allowed += 1;
          continue;
        }
        expect(() => nextState(state, action)).toThrow(StudioError);
      }
    expect(allowed).toBe(15);
  });

  it('never leaves done, and runs only from queued', () => {
    expect(actions.some((action) => isAllowed('done', action))).toBe(false);
    expect(jobStates.filter((state) => isAllowed(state, 'start'))).toEqual(['queued']);
    expect(jobStates.filter((state) => !isStopped(state))).toEqual(['queued', 'running']);
  });
});
