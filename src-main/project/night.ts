import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { Log } from '#shared/base/log.ts';
import { nightAction, nextTime, noNight, type NightMemory, type NightPlan, type NightReport } from '#shared/domain/night.ts';
import { lessonsVerdict, pointingMinutes, pointingVerdict } from '#shared/domain/pointing.ts';
import { JsonStore } from '#main/files/jsonStore.ts';
import { readJobFile } from '#main/jobs/jobFolder.ts';
import type { JobQueue } from '#main/jobs/queue.ts';
import { everyCase, latestMaskRevision, listModels, type Project } from '#main/library/index.ts';
import { lessonComparison } from '#main/jobs/requests/improvePrompts.ts';
import { pointingComparison } from './pointing/versions.ts';
import { comparisonOf } from './results/comparisonResult.ts';

const stored = v.object({
  plan: v.object({
    at: v.nullable(v.string()),
    awayMinutes: v.nullable(v.number()),
    minutes: v.number(),
    pointing: v.optional(v.boolean(), true),
  }),
  handled: v.number(),
  jobId: v.nullable(v.string()),
  held: v.boolean(),
  report: v.nullable(
    v.object({
      at: v.string(),
      outcome: v.picklist(['done', 'failed', 'missed', 'refused']),
      jobId: v.nullable(v.string()),
      message: v.string(),
      seen: v.boolean(),
    }),
  ),
});

export interface NightOptions {
  readonly project: Project;
  readonly queue: Pick<JobQueue, 'get' | 'list' | 'pause' | 'resume' | 'result'>;
  /** Begins an improvement; resolves with its job. */
  readonly begin: (minutes: number) => Promise<string>;
  /** Whether a network or lessons answer to Point, and how it begins to learn; resolves with its job. */
  readonly pointing: { readonly answers: () => Promise<boolean>; readonly begin: (minutes: number) => Promise<string> };
  /** Resolves when a job's result is in the library. */
  readonly adopted: (jobId: string) => Promise<void>;
  readonly changed: () => void;
  readonly log: Log;
  /** ms since 1970; the computer's own unless given. */
  readonly now?: () => number;
  /** Between two looks; 0: only `look` looks. */
  readonly everyMs?: number;
}

const defaultEveryMs = 5000;

/** Improves a project's model by itself: at an hour, or when the person is away. It waits while they correct. */
export class Night {
  readonly #options: NightOptions;
  readonly #store: JsonStore<typeof stored>;
  readonly #opened: number;
  readonly #timer: NodeJS.Timeout | null;
  #before: number;
  #present: number;
  #corrected: number;
  #tried = 0;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: NightOptions) {
    this.#options = options;
    const fallback = { plan: noNight, handled: 0, jobId: null, held: false, report: null };
    this.#store = new JsonStore(join(options.project.paths.folder, 'night.json'), stored, fallback, { makesFolder: false });
    this.#opened = this.#before = this.#present = this.#corrected = this.#now();
    const { everyMs = defaultEveryMs } = options;
    this.#timer = everyMs === 0 ? null : setInterval(() => void this.look(), everyMs);
    this.#timer?.unref();
  }

  get plan(): NightPlan {
    return this.#store.value.plan;
  }

  /** What the person has not seen yet. */
  get report(): NightReport | null {
    const { report } = this.#store.value;
    return report === null || report.seen ? null : report;
  }

  /** When it begins next by the clock, in ms. */
  get next(): number | null {
    return this.plan.at === null ? null : nextTime(this.plan.at, this.#now());
  }

  async setPlan(plan: NightPlan): Promise<void> {
    this.#present = this.#now();
    await this.#remember({ plan, handled: this.#now() });
  }

  async seen(): Promise<void> {
    const { report } = this.#store.value;
    if (report !== null && !report.seen) await this.#remember({ report: { ...report, seen: true } });
  }

  /** The person did something. */
  present(): void {
    this.#present = this.#now();
  }

  /** The person changed a mask: what runs by itself stops at its checkpoint, at once. */
  corrected(): void {
    this.#present = this.#corrected = this.#now();
    if (this.#store.value.jobId !== null && !this.#store.value.held) void this.look();
  }

  /** Looks at the clock and does what is to be done. */
  look(): Promise<void> {
    this.#turn = this.#turn
      .then(() => (this.#closed ? undefined : this.#look()))
      .catch((error: unknown) => {
        this.#options.log.error('night', error);
      });
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#turn;
  }

  async #look(): Promise<void> {
    const { queue } = this.#options;
    const memory: NightMemory = this.#store.value;
    const now = this.#now();
    const before = this.#before;
    this.#before = now;
    const job = memory.jobId === null ? null : findJob(queue, memory.jobId);
    const busy = queue
      .list(20)
      .some((each) => (each.kind === 'improve' || each.kind === 'train') && (each.state === 'queued' || each.state === 'running'));
    const seen = { now, before, opened: this.#opened, present: this.#present, corrected: this.#corrected, tried: this.#tried, job, busy };
    switch (nightAction(memory, seen)) {
      case 'start':
        return this.#start();
      case 'pause':
        await this.#remember({ held: true });
        // It may have ended meanwhile.
        await queue.pause(memory.jobId ?? '').catch((error: unknown) => this.#remember({ held: false }).then(() => Promise.reject(error)));
        return;
      case 'resume':
        queue.resume(memory.jobId ?? '');
        return this.#remember({ held: false });
      case 'report':
        return this.#report(memory.jobId ?? '');
      case 'missed':
        return this.#remember({
          handled: now,
          report: this.#written(
            'missed',
            null,
            `The improvement that was planned for ${memory.plan.at ?? ''} did not run: the program was closed, or the computer slept. It is planned again for the next time; leave the program open, or press Improve.`,
          ),
        });
      case null:
    }
  }

  async #start(): Promise<void> {
    const { begin, project } = this.#options;
    this.#tried = this.#now();
    const due = this.plan.at !== null && nextTime(this.plan.at, this.#store.value.handled) <= this.#now();
    try {
      if (!(await hasNews(project)))
        throw new StudioError('conflict', 'Nothing was improved: no case was accepted or changed since the last time.');
      const { minutes } = this.plan;
      const jobId = await begin((await this.#pointsAfter()) ? minutes - pointingMinutes(minutes) : minutes);
      await this.#remember({ handled: this.#now(), jobId, held: false });
    } catch (error) {
      if (!(error instanceof StudioError)) throw error;
      // Who is away for a moment need not hear that there was nothing to do.
      await this.#remember({ handled: this.#now(), ...(due && { report: this.#written('refused', null, error.message) }) });
    }
  }

  async #report(jobId: string): Promise<void> {
    const { queue, adopted } = this.#options;
    const job = findJob(queue, jobId);
    await adopted(jobId).catch(() => undefined); // The problem list has it.
    const result = await queue.result(jobId).catch(() => null);
    if (job?.kind === 'improvePrompts') return this.#reportPointing(job, result);
    const comparison = comparisonOf(result);
    const done = job?.state === 'done';
    // Who cancels it knows.
    const said =
      job === null || job.state === 'cancelled'
        ? null
        : this.#written(done ? 'done' : 'failed', jobId, (done ? comparison?.verdict : job.error?.message) ?? 'It ended without a result.');
    const next = done && (await this.#pointsAfter()) ? await this.#beginPointing() : null;
    await this.#remember({ jobId: next, held: false, ...(said && { report: said }) });
  }

  /** What came of pointing stands behind what came of the improvement. */
  async #reportPointing({ id, state, error }: ReturnType<JobQueue['get']>, result: unknown): Promise<void> {
    const { report } = this.#store.value;
    const made = v.safeParse(pointed, result);
    const message =
      state === 'done' && made.success
        ? `${pointingVerdict(made.output.measured)} ${lessonsVerdict(made.output.lessons)}`.trim()
        : `Pointing did not learn: ${error?.message ?? 'it ended without a result.'}`;
    const before = report ?? { ...this.#written('done', id, ''), seen: true };
    const said =
      state === 'cancelled' ? null : { ...before, message: `${before.seen ? '' : before.message} ${message}`.trim(), seen: false };
    await this.#remember({ jobId: null, held: false, ...(said && { report: said }) });
  }

  async #pointsAfter(): Promise<boolean> {
    return this.plan.pointing && (await this.#options.pointing.answers());
  }

  /** Null where nothing could train: the improvement has said so. */
  async #beginPointing(): Promise<string | null> {
    try {
      return await this.#options.pointing.begin(pointingMinutes(this.plan.minutes));
    } catch (error) {
      this.#options.log.error('night', error);
      return null;
    }
  }

  #written(outcome: NightReport['outcome'], jobId: string | null, message: string): NightReport {
    return { at: new Date(this.#now()).toISOString(), outcome, jobId, message, seen: false };
  }

  async #remember(change: Partial<NightMemory>): Promise<void> {
    await this.#store.set({ ...this.#store.value, ...change });
    this.#options.changed();
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

function findJob(queue: NightOptions['queue'], jobId: string): ReturnType<JobQueue['get']> | null {
  try {
    return queue.get(jobId);
  } catch {
    return null;
  }
}

const pointed = v.object({ measured: v.nullable(pointingComparison), lessons: v.optional(v.array(lessonComparison), []) });

const learned = v.object({ cases: v.array(v.object({ id: v.string(), mask: v.nullable(v.string()) })) });

/** Whether a mask that may train was accepted, or another one, since the newest model was trained here. */
async function hasNews(project: Project): Promise<boolean> {
  const jobId =
    [...listModels(project.read)].sort((a, b) => b.createdAt.localeCompare(a.createdAt)).find((model) => model.jobId !== null)?.jobId ??
    null;
  if (jobId === null) return true;
  const file = await readJobFile(project.paths.job(jobId)).catch(() => null);
  const config = v.safeParse(learned, file?.config);
  if (!config.success) return true;
  const masks = new Map(config.output.cases.map(({ id, mask }) => [id, mask]));
  return everyCase(project.read).some(({ id, status, hasMask, heldOut }) => {
    if (status !== 'accepted' || !hasMask || heldOut) return false;
    const revision = latestMaskRevision(project.read, id);
    return revision !== undefined && masks.get(id) !== project.paths.inside(revision.path);
  });
}

/** What the contract says of it. */
export function describeNight({ plan, next, report }: Pick<Night, 'plan' | 'next' | 'report'>) {
  return {
    plan,
    next: next === null ? null : new Date(next).toISOString(),
    report: report && { at: report.at, outcome: report.outcome, jobId: report.jobId, message: report.message },
  };
}
