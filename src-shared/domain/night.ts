import type { JobState } from './job.ts';

/** When a project's model is improved by itself; null: not then. */
export interface NightPlan {
  /** "22:00", of the computer's own clock, every day. */
  readonly at: string | null;
  /** Minutes without the person. */
  readonly awayMinutes: number | null;
  /** What it may take. */
  readonly minutes: number;
  /** Pointing learns after an improvement, by night as by day, where a network answers. */
  readonly pointing: boolean;
}

export const noNight: NightPlan = { at: null, awayMinutes: null, minutes: 540, pointing: true };

/** What came of the last planned improvement. */
export interface NightReport {
  readonly at: string;
  readonly outcome: 'done' | 'failed' | 'missed' | 'refused';
  readonly jobId: string | null;
  readonly message: string;
  readonly seen: boolean;
}

/** What is kept between starts of the program. */
export interface NightMemory {
  readonly plan: NightPlan;
  /** Hours up to this time (ms) have begun, were missed, or lie before the plan. */
  readonly handled: number;
  /** The improvement, or what pointing learns after it, that was begun by itself and is not reported yet. */
  readonly jobId: string | null;
  /** It was paused for the person who corrects. */
  readonly held: boolean;
  readonly report: NightReport | null;
}

/** What is seen at one look; times in ms. */
export interface NightLook {
  readonly now: number;
  /** The look before this one, or the opening of the project. */
  readonly before: number;
  /** When the project was opened. */
  readonly opened: number;
  /** When the person last did anything, and last corrected; the opening where they have not since. */
  readonly present: number;
  readonly corrected: number;
  /** When it was last begun, or refused, because the person was away; 0: never. */
  readonly tried: number;
  /** That of `jobId`. */
  readonly job: { readonly state: JobState; readonly canResume: boolean } | null;
  /** Whether another training waits or runs. */
  readonly busy: boolean;
}

export type NightAction = 'start' | 'pause' | 'resume' | 'report' | 'missed' | null;

const minute = 60_000;
/** So long after the last correction an improvement goes on. */
export const quietMinutes = 2;
/** A look that comes so much later than the one before finds a computer that slept; what is then later than `lateMinutes` was missed. */
const sleptMinutes = 10;
const lateMinutes = 30;

/** What is to be done now. Pure: whoever calls it does it and remembers. */
export function nightAction(memory: NightMemory, look: NightLook): NightAction {
  const correcting = look.now - look.corrected < quietMinutes * minute && look.corrected > look.opened;
  if (memory.jobId !== null) {
    if (look.job === null || ['done', 'failed', 'cancelled'].includes(look.job.state)) return 'report';
    if (look.job.state === 'running') return correcting ? 'pause' : null;
    if (look.job.state === 'interrupted' && !look.job.canResume) return 'report';
    const goesOn = look.job.state === 'interrupted' || (look.job.state === 'paused' && memory.held);
    return goesOn && !correcting ? 'resume' : null;
  }
  const { at, awayMinutes } = memory.plan;
  if (at !== null) {
    const due = lastTime(at, look.now);
    if (due > memory.handled) {
      const slept = look.now - look.before > sleptMinutes * minute && look.now - due > lateMinutes * minute;
      if (due < look.opened || slept) return 'missed';
      return correcting || look.busy ? null : 'start';
    }
  }
  const away = awayMinutes !== null && look.now - look.present >= awayMinutes * minute && look.tried < look.present;
  return away && !look.busy ? 'start' : null;
}

/** The latest moment (ms), not after `now`, at which a clock showed this time. */
export function lastTime(at: string, now: number): number {
  const [hours = 0, minutes = 0] = at.split(':').map(Number);
  const day = new Date(now);
  day.setHours(hours, minutes, 0, 0);
  if (day.getTime() > now) day.setDate(day.getDate() - 1);
  return day.getTime();
}

/** The first moment (ms) after `now` at which a clock shows this time. */
export function nextTime(at: string, now: number): number {
  const day = new Date(lastTime(at, now));
  day.setDate(day.getDate() + 1);
  return day.getTime();
}

/** Whether a text is an hour and minute of a day. */
export function isTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}
