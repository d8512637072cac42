import { existsSync } from 'node:fs';
import { cp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import type { CurvePoint, JobAlarm } from '#shared/domain/job.ts';
import { appendLog, alarmLine, pointLine } from '../jobFolder.ts';
import type { FromCompute } from '../protocol.ts';
import { endedBy, type Scheduler, type Standing } from './scheduler.ts';
import { STOP } from './slurm.ts';
import { INPUT, readSubmission, writeSubmission } from './submission.ts';
import { schedulerFor } from './target.ts';
import { readStatus, type WorkerStatus } from './workerStatus.ts';

export interface SubmissionsOptions {
  /** A job's folder, absolute. */
  readonly folder: (jobId: string) => string;
  /** What the compute process would say of the job. */
  readonly message: (message: FromCompute) => void;
  readonly pollMs?: number;
}

interface Followed {
  readonly scheduler: Scheduler;
  readonly place: string;
  id: string;
  asked: boolean;
  detached: boolean;
  readonly over: Promise<void>;
}

/** How often a run that was lost or ran out of its time is handed over again without having got further. */
const MOST_LOST = 3;

/** Hands jobs over to schedulers, follows their folders, and tells of them as the compute process tells of its own. */
export class Submissions {
  readonly #options: SubmissionsOptions;
  readonly #followed = new Map<string, Followed>();

  constructor(options: SubmissionsOptions) {
    this.#options = options;
  }

  has(jobId: string): boolean {
    return this.#followed.has(jobId);
  }

  /** Hands the job over; `attach`: only follows what runs already, where its scheduler still knows it. */
  start(jobId: string, attach = false): void {
    const folder = this.#options.folder(jobId);
    const submission = readSubmission(folder);
    if (submission === undefined)
      throw new StudioError('corrupt', 'What this job was handed over to is not known any more; submit it again.');
    const entry: Omit<Followed, 'over'> & { over: Promise<void> } = {
      scheduler: schedulerFor(submission.target),
      place: submission.place ?? folder,
      id: attach ? (submission.id ?? '') : '',
      asked: false,
      detached: false,
      over: Promise.resolve(),
    };
    this.#followed.set(jobId, entry);
    entry.over = this.#follow(jobId, entry)
      .catch((error: unknown) => {
        this.#fail(jobId, toWireError(error));
      })
      .finally(() => {
        this.#followed.delete(jobId);
      });
  }

  /** Asks a job to stop at a checkpoint. */
  async stop(jobId: string): Promise<void> {
    const entry = this.#followed.get(jobId);
    if (entry === undefined) return;
    entry.asked = true;
    await writeFile(join(entry.place, STOP), '').catch(() => undefined);
    if (entry.id !== '') await entry.scheduler.stop(entry.id);
  }

  /** Lets go of what runs elsewhere and stops what ends with this program. Resolves with the jobs that go on. */
  async close(): Promise<readonly string[]> {
    const going: string[] = [];
    const ending: Promise<void>[] = [];
    for (const [jobId, entry] of this.#followed) {
      if (entry.scheduler.outlivesUs && entry.id !== '') {
        entry.detached = true;
        going.push(jobId);
      } else ending.push(this.stop(jobId).then(() => Promise.race([entry.over, afterSeconds(30)])));
    }
    await Promise.all(ending);
    return going;
  }

  async #follow(jobId: string, entry: Followed): Promise<void> {
    const folder = this.#options.folder(jobId);
    const { scheduler, place } = entry;
    const log = new LogTail(place, place === folder ? undefined : folder);
    await log.skip();
    let lost = 0;
    for (;;) {
      const before = (await readStatus(place))?.attempt ?? 0;
      const attached = entry.id !== '';
      if (!attached) {
        await rm(join(place, STOP), { force: true });
        entry.id = await scheduler.submit(place);
        // What ends with this program is never found again; and a command may be copying the folder by now.
        const submission = scheduler.outlivesUs ? readSubmission(folder) : undefined;
        if (submission !== undefined) writeSubmission(folder, { ...submission, id: entry.id });
        if (entry.asked) await this.stop(jobId); // asked meanwhile
      }
      const { standing, points } = await this.#watch(jobId, entry, log);
      if (standing === null) return;
      const status = await readStatus(place);
      const fresh = attached || (status?.attempt ?? 0) > before ? status : undefined;
      if (fresh?.state === 'done') return this.#done(jobId, folder, place);
      if (entry.asked) return this.#options.message({ type: 'stopped', jobId });
      const again = await this.#again(entry, standing, fresh);
      if (again !== true) {
        if (again === 'stopped') this.#options.message({ type: 'stopped', jobId });
        else this.#fail(jobId, again);
        return;
      }
      lost = points > 0 ? 0 : lost + 1;
      if (lost > MOST_LOST)
        return this.#fail(jobId, { code: 'io', message: `${scheduler.name} lost this job ${String(lost)} times before it got further.` });
      entry.id = '';
    }
  }

  /** Follows one run to its end; `null` where this program let go of it. */
  async #watch(
    jobId: string,
    entry: Followed,
    log: LogTail,
  ): Promise<{ standing: Extract<Standing, { state: 'ended' }> | null; points: number }> {
    let points = 0;
    let phase = '';
    for (;;) {
      const standing = await entry.scheduler.look(entry.id);
      const lines = await log.read();
      if (isLetGo(entry)) return { standing: null, points };
      for (const line of lines) {
        if ('point' in line) {
          points += 1;
          this.#options.message({ type: 'point', jobId, point: line.point });
        } else this.#options.message({ type: 'alarm', jobId, alarm: line.alarm });
      }
      if (standing.state === 'ended') return { standing, points };
      const status = standing.state === 'running' ? await readStatus(entry.place) : undefined;
      const progress = this.#progress(entry, standing, status);
      const told = JSON.stringify(progress);
      if (told !== phase) this.#options.message({ type: 'progress', jobId, progress });
      phase = told;
      await new Promise((resolve) => {
        setTimeout(resolve, this.#options.pollMs ?? 3000);
      });
    }
  }

  #progress({ scheduler, id }: Followed, standing: Standing, status: WorkerStatus | undefined) {
    const named = scheduler.outlivesUs ? `${scheduler.name} ${id}` : 'the command';
    const fraction = status?.fraction ?? 0;
    if (standing.state === 'waiting') return { phase: `Waiting in the queue, ${named}: ${standing.reason}`.slice(0, 200), fraction };
    if (standing.state === 'unknown')
      return { phase: `${scheduler.name} does not answer`.slice(0, 200), fraction, detail: standing.reason };
    if (status === undefined) return { phase: `Starting, ${named}`, fraction };
    return {
      phase: `${status.phase} on ${status.host}`.slice(0, 200),
      fraction,
      ...(status.remainingSeconds !== null && { remainingSeconds: status.remainingSeconds }),
    };
  }

  /** What follows a run that ended without a result: hand it over again (true), leave it stopped, or say why it failed. */
  async #again(
    { scheduler, place, id }: Followed,
    standing: Extract<Standing, { state: 'ended' }>,
    status: WorkerStatus | undefined,
  ): Promise<true | 'stopped' | WireError> {
    const named = scheduler.outlivesUs ? `${scheduler.name} job ${id}` : 'The command';
    if (standing.cause === 'cancelled') return 'stopped';
    if (status === undefined) {
      if (standing.cause === 'lost') return true;
      const code = standing.exitCode === null ? '' : ` (exit code ${String(standing.exitCode)})`;
      return {
        code: 'io',
        message: `${named} ended${code} before a worker had started. What it said: ${(await lastWords(place)) || 'nothing'}`,
      };
    }
    switch (endedBy(standing, status)) {
      case 'stopped':
        return true; // preempted: it leaves its checkpoint and was not put back into the queue
      case 'failed':
        return status.error ?? { code: 'internal', message: `${named} ended without a result.` };
      default:
        if (standing.cause === 'lost' || standing.cause === 'time') return true;
        return standing.cause === 'memory' || /\boom\b|out.of.memory|exceeded.*memory limit/i.test(await lastWords(place, 4000))
          ? { code: 'out-of-memory', message: `${named} was ended for lack of memory on ${status.host}.` }
          : { code: 'device', message: `${named} was killed on ${status.host}, perhaps for lack of memory.` };
    }
  }

  async #done(jobId: string, folder: string, place: string): Promise<void> {
    if (place !== folder) {
      await cp(join(place, 'out'), join(folder, 'out'), { recursive: true });
      for (const name of ['learned', 'status.json', 'result.json'])
        // the result last: its presence means done
        if (existsSync(join(place, name))) await cp(join(place, name), join(folder, name), { recursive: true });
      await rm(place, { recursive: true, force: true });
    }
    await rm(join(folder, INPUT), { recursive: true, force: true });
    const result = JSON.parse(await readFile(join(folder, 'result.json'), 'utf8')) as unknown;
    const modelId =
      typeof result === 'object' && result !== null && 'modelId' in result && typeof result.modelId === 'string' ? result.modelId : null;
    this.#options.message({ type: 'done', jobId, modelId });
  }

  #fail(jobId: string, error: WireError): void {
    this.#options.message({ type: 'failed', jobId, error });
  }
}

/** Read anew: it changes while someone waits. */
function isLetGo(entry: Followed): boolean {
  return entry.detached;
}

/** What does not end when it is asked to does not keep the program. */
function afterSeconds(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000).unref();
  });
}

/** The end of what scheduler or command wrote. */
async function lastWords(place: string, length = 400): Promise<string> {
  const texts = await Promise.all(['slurm.log', 'command.log'].map((name) => readFile(join(place, name), 'utf8').catch(() => '')));
  return texts.join('').trim().slice(-length);
}

const logLine = v.union([v.object({ point: pointLine }), v.object({ alarm: alarmLine })]);

/** Reads what is new in a folder's log.jsonl, and keeps it in another folder's, too. */
class LogTail {
  readonly #path: string;
  readonly #copyTo: string | undefined;
  #offset = 0;
  #rest = '';

  constructor(folder: string, copyTo?: string) {
    this.#path = join(folder, 'log.jsonl');
    this.#copyTo = copyTo;
  }

  /** What is there already was told before. */
  async skip(): Promise<void> {
    await this.read(false);
  }

  async read(copies = true): Promise<({ point: CurvePoint } | { alarm: JobAlarm })[]> {
    const file = await open(this.#path, 'r').catch(() => undefined);
    if (file === undefined) return [];
    try {
      const { size } = await file.stat();
      if (size <= this.#offset) return [];
      const bytes = Buffer.alloc(size - this.#offset);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#offset);
      this.#offset += bytesRead;
      const lines = (this.#rest + bytes.toString('utf8', 0, bytesRead)).split('\n');
      this.#rest = lines.pop() ?? '';
      return lines.flatMap((line) => {
        const parsed = v.safeParse(logLine, parse(line));
        if (!parsed.success) return [];
        if (copies && this.#copyTo !== undefined) appendLog(this.#copyTo, parsed.output);
        return [parsed.output];
      });
    } finally {
      await file.close();
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
