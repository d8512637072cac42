import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { silentLog } from '#shared/base/log.ts';
import { listModels } from '#main/library/index.ts';
import { startImprovement } from '#main/project/improvement.ts';
import { startPointing } from '#main/project/pointing/improvePointing.ts';
import { Night } from '#main/project/night.ts';
import type { ProjectSession } from '#main/project/session.ts';
import { acceptedProject, workbenchOf } from '../../support/acceptedProject.ts';

const root = mkdtempSync(join(tmpdir(), 'night-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true, maxRetries: 20 });
});

/** The clock that is handed in. */
let now = 0;
const hour = (day: number, hours: number, minutes = 0): number => new Date(2026, 10, day, hours, minutes).getTime();
/** Optimiser steps of what begins next. */
let steps = 1_000_000;
/** Whether a network answers to Point. */
let answers = false;

function nightOf(session: ProjectSession): Night {
  const { project, queue } = session;
  return new Night({
    project,
    queue,
    begin: (minutes) =>
      startImprovement(session, {
        minutes,
        device: 'cpu',
        memoryBytes: 0,
        variant: 'tiny',
        threads: 1,
        steps: { pretrain: 0, train: steps },
      }),
    pointing: {
      answers: () => Promise.resolve(answers),
      begin: () => startPointing(session, { budget: { steps: 1 }, device: 'cpu', threads: 1 }),
    },
    adopted: (jobId) => session.adopted(jobId),
    changed: () => undefined,
    log: silentLog,
    now: () => now,
    everyMs: 0,
  });
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition())
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
};

it('improves at its hour, waits for who corrects, goes on after a restart, and says what came of it', { timeout: 900_000 }, async () => {
  const bench = workbenchOf(root);
  const folder = await acceptedProject(root);
  let session = await bench.open(folder);
  now = hour(10, 12);
  let night = nightOf(session);
  await night.setPlan({ at: '22:00', awayMinutes: null, minutes: 60, pointing: true });
  now = hour(10, 21, 59);
  await night.look();
  expect(session.queue.list(5)).toEqual([]);

  now = hour(10, 22);
  await night.look();
  const [job] = session.queue.list(5);
  expect(job?.kind).toBe('improve');
  const jobId = job?.id ?? '';
  const state = (): string => session.queue.get(jobId).state;
  await until(() => session.queue.get(jobId).phase === 'Training');

  now = hour(10, 22, 5);
  night.corrected();
  await until(() => state() === 'paused');
  expect(session.queue.get(jobId).canResume).toBe(true);
  now = hour(10, 22, 6);
  await night.look();
  expect(state()).toBe('paused');
  now = hour(10, 22, 7);
  await night.look();
  await until(() => state() === 'running' && session.queue.get(jobId).phase === 'Training');

  // The program ends, and starts again: what ran goes on from its checkpoint.
  await night.close();
  await bench.close();
  session = await bench.open(folder);
  expect(state()).toBe('interrupted');
  now = hour(10, 23);
  night = nightOf(session);
  expect([night.plan.at, night.report]).toEqual(['22:00', null]);
  await night.look();
  await until(() => state() === 'running');
  await session.queue.cancel(jobId);
  await night.look();
  expect(night.report).toBe(null); // Who cancels it knows.

  // The next evening it comes to its end, and the report waits until it was seen, also over a start.
  steps = 2;
  answers = true;
  now = hour(11, 22);
  await night.look();
  const second = session.queue.list(5)[0]?.id ?? '';
  expect(second).not.toBe(jobId);
  await session.queue.wait(second);
  await night.look();
  expect(night.report).toMatchObject({ outcome: 'done', jobId: second, message: expect.stringContaining('Dice') });
  expect(listModels(session.project.read)).toHaveLength(1);
  // Then pointing learns, waits for who corrects as well, and its word stands behind.
  const third = session.queue.list(5)[0]?.id ?? '';
  expect([session.queue.get(third).kind, third === second]).toEqual(['improvePrompts', false]);
  await session.queue.wait(third);
  await night.look();
  expect(night.report).toMatchObject({ outcome: 'done', jobId: second, message: expect.stringMatching(/Dice.*Pointing (takes|was not)/s) });
  answers = false;
  night = nightOf(session);
  expect(night.report?.jobId).toBe(second);
  await night.seen();
  expect([night.report, nightOf(session).report]).toEqual([null, null]);

  // Nothing new was accepted.
  now = hour(12, 22);
  await night.look();
  expect(night.report).toMatchObject({ outcome: 'refused', message: expect.stringContaining('no case was accepted or changed') });
  expect(session.queue.list(5)[0]?.id).toBe(third);

  // A night on which the program was closed is said, once.
  now = hour(14, 8);
  night = nightOf(session);
  await night.look();
  expect(night.report).toMatchObject({ outcome: 'missed', message: expect.stringContaining('planned for 22:00 did not run') });
  await night.seen();
  await night.look();
  expect(night.report).toBe(null);
  await night.close();
  await bench.close();
});
