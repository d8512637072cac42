import { describe, expect, it } from 'vitest';
import { isTime, lastTime, nextTime, nightAction, noNight, type NightLook, type NightMemory } from '#shared/domain/night.ts';

const at = (day: number, hour: number, minute = 0): number => new Date(2026, 10, day, hour, minute).getTime();
const minute = 60_000;

const memory = (change: Partial<NightMemory> = {}): NightMemory => ({
  plan: { at: '22:00', awayMinutes: null, minutes: 540, pointing: true },
  handled: at(10, 12),
  jobId: null,
  held: false,
  report: null,
  ...change,
});
/** The program is open since noon of the 10th, and looked ten seconds ago; nobody has done anything since. */
const look = (now: number, change: Partial<NightLook> = {}): NightLook => ({
  now,
  before: now - 10_000,
  opened: at(10, 12),
  present: at(10, 12),
  corrected: at(10, 12),
  tried: 0,
  job: null,
  busy: false,
  ...change,
});

describe('an hour of the clock', () => {
  it('was last, and is next, today or on the day beside it', () => {
    expect([lastTime('22:00', at(10, 23)), lastTime('22:00', at(10, 22)), lastTime('22:00', at(10, 21, 59))]).toEqual([
      at(10, 22),
      at(10, 22),
      at(9, 22),
    ]);
    expect([nextTime('22:00', at(10, 21)), nextTime('22:00', at(10, 22))]).toEqual([at(10, 22), at(11, 22)]);
    expect(['22:00', '00:00', '24:00', '7:30', '22.00', ''].map(isTime)).toEqual([true, true, false, false, false, false]);
  });

  it('begins an improvement, once a day', () => {
    expect(nightAction(memory(), look(at(10, 21, 59)))).toBe(null);
    expect(nightAction(memory(), look(at(10, 22)))).toBe('start');
    expect(nightAction(memory({ handled: at(10, 22) }), look(at(10, 22, 1)))).toBe(null);
    expect(nightAction(memory({ handled: at(10, 22) }), look(at(11, 22)))).toBe('start');
    expect(nightAction(memory({ plan: noNight }), look(at(10, 22)))).toBe(null);
  });

  it('waits for the person who corrects, and for another training', () => {
    const now = at(10, 22);
    expect(nightAction(memory(), look(now, { corrected: now - minute, present: now - minute }))).toBe(null);
    expect(nightAction(memory(), look(now + 2 * minute, { corrected: now - minute, present: now - minute }))).toBe('start');
    expect(nightAction(memory(), look(now, { busy: true }))).toBe(null);
  });

  it('that passed while the program was closed, or the computer slept, was missed', () => {
    expect(nightAction(memory(), look(at(11, 8), { opened: at(11, 8), present: at(11, 8), corrected: at(11, 8) }))).toBe('missed');
    expect(nightAction(memory(), look(at(11, 8), { before: at(10, 21) }))).toBe('missed');
    // Who only looked a little late begins.
    expect(nightAction(memory(), look(at(10, 22, 20), { before: at(10, 21, 50) }))).toBe('start');
    expect(nightAction(memory(), look(at(11, 8)))).toBe('start');
  });
});

describe('a person who is away', () => {
  const away = memory({ plan: { at: null, awayMinutes: 20, minutes: 60, pointing: true } });

  it('makes an improvement begin, once for each time away', () => {
    const gone = at(10, 13);
    expect(nightAction(away, look(gone + 19 * minute, { present: gone }))).toBe(null);
    expect(nightAction(away, look(gone + 20 * minute, { present: gone }))).toBe('start');
    expect(nightAction(away, look(gone + 21 * minute, { present: gone, busy: true }))).toBe(null);
    expect(nightAction(away, look(gone + 30 * minute, { present: gone, tried: gone + 20 * minute }))).toBe(null);
    const again = gone + 60 * minute;
    expect(nightAction(away, look(again + 20 * minute, { present: again, tried: gone + 20 * minute }))).toBe('start');
  });
});

describe('what was begun by itself', () => {
  const running = (change: Partial<NightMemory> = {}): NightMemory => memory({ handled: at(10, 22), jobId: 'job', ...change });
  const now = at(10, 23);
  const job = (state: NonNullable<NightLook['job']>['state'], canResume = true): NonNullable<NightLook['job']> => ({ state, canResume });

  it('is paused while the person corrects, and goes on two minutes after', () => {
    const correcting = { corrected: now - 1000, present: now - 1000 };
    expect(nightAction(running(), look(now, { job: job('running'), ...correcting }))).toBe('pause');
    expect(nightAction(running(), look(now, { job: job('running') }))).toBe(null);
    expect(nightAction(running({ held: true }), look(now, { job: job('paused'), ...correcting }))).toBe(null);
    expect(nightAction(running({ held: true }), look(now + 2 * minute, { job: job('paused'), ...correcting }))).toBe('resume');
    // The person paused it themselves.
    expect(nightAction(running(), look(now, { job: job('paused') }))).toBe(null);
  });

  it('goes on after a start of the program, where it left a checkpoint', () => {
    expect(nightAction(running(), look(now, { opened: now, job: job('interrupted') }))).toBe('resume');
    expect(nightAction(running(), look(now, { opened: now, job: job('interrupted', false) }))).toBe('report');
  });

  it('is reported when it ended, or is gone', () => {
    for (const state of ['done', 'failed', 'cancelled'] as const)
      expect(nightAction(running(), look(now, { job: job(state) }))).toBe('report');
    expect(nightAction(running(), look(now))).toBe('report');
    expect(nightAction(running(), look(now, { job: job('queued') }))).toBe(null);
  });
});
