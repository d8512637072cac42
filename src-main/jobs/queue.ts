import { randomUUID } from 'node:crypto';
import { StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import type { CurvePoint, Job, JobAlarm, JobKind, JobPriority } from '#shared/domain/job.ts';
import { ComputeProcess } from './computeProcess.ts';
import type { ComputeOptions } from './computeProcess.ts';
import { JobBook, now, stopped } from './jobBook.ts';
import { createJobFolder, hasCheckpoint, prepareJobFolder, readLog, readResult } from './jobFolder.ts';
import type { JobLog } from './jobFolder.ts';
import type { FromCompute } from './protocol.ts';
import { Asking } from './asking.ts';
import type { JobStore } from './store.ts';
import { Submissions } from './submit/submissions.ts';
import { handedOver, readSubmission, writeSubmission } from './submit/submission.ts';
import { nextState } from './transitions.ts';

/** `silent`: it has not answered for a while, and may still. */
export type ComputeState = 'silent' | 'running' | 'crashed' | 'restarted';

export interface QueueEvents {
  readonly changed: (job: Job) => void;
  readonly point: (jobId: string, point: CurvePoint) => void;
  readonly alarm: (jobId: string, alarm: JobAlarm) => void;
  readonly compute: (event: { readonly state: ComputeState; readonly message: string; readonly jobIds: readonly string[] }) => void;
}

export interface QueueOptions {
  readonly store: JobStore;
  /** A job's folder, absolute. */
  readonly folder: (jobId: string) => string;
  /** Holds all jobs' folders and may be moved as a whole while no queue is at work there; unless given, each job's folder may. */
  readonly home?: string;
  readonly events: QueueEvents;
  readonly compute?: ComputeOptions;
  /** How many crashes in a row a job is started again after by itself. */
  readonly restarts?: number;
  /** How long a job that was asked to stop may take before its process is ended. */
  readonly stopSeconds?: number;
  /** How often jobs that run elsewhere are looked at. */
  readonly pollMs?: number;
}

export interface JobRequest {
  readonly kind: JobKind;
  readonly title: string;
  readonly config: unknown;
  readonly priority?: JobPriority;
  /** Runs elsewhere: packs what it needs into a folder and says which, and who is to run it. */
  readonly handOver?: (job: { readonly id: string; readonly folder: string; readonly config: unknown }) => Promise<HandedOver>;
}

export interface HandedOver {
  /** With paths inside the folder that is handed over. */
  readonly config: unknown;
  /** As `schedulerFor` takes it. */
  readonly target: string;
  /** The folder; null: the job's own. */
  readonly place: string | null;
}

/**
 * The jobs of one project. One background job runs at a time, in order of submission; interactive ones go beside it, in the same
 * process, between its steps (turns.ts). A crash of the process interrupts what ran; each such job starts again from its checkpoint,
 * until it has crashed `restarts` times in a row without getting further.
 */
export class JobQueue {
  readonly #options: QueueOptions;
  readonly #crashes = new Map<string, number>();
  readonly #book: JobBook;
  readonly #submissions: Submissions;
  readonly #asking = new Asking();
  #compute: ComputeProcess | null = null;
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#book = new JobBook({
      store: options.store,
      changed: options.events.changed,
      canResume: (id) => hasCheckpoint(handedOver(options.folder(id))),
      settled: () => this.#pump(),
    });
    this.#submissions = new Submissions({
      folder: options.folder,
      message: (message) => {
        this.#receive(message);
      },
      ...(options.pollMs !== undefined && { pollMs: options.pollMs }),
    });
  }

  /** The compute process's id, while there is one. */
  get computePid(): number | undefined {
    return this.#compute?.pid;
  }

  /** To be called once, at start: jobs that ran when the app ended are interrupted, those that waited go on waiting. */
  recover(): Job[] {
    const interrupted: Job[] = [];
    for (const job of this.#book.unfinished()) {
      if (job.state !== 'running') continue;
      if (this.#runsElsewhere(job.id)) {
        this.#book.goesOn(job);
        this.#submissions.start(job.id, true);
        continue;
      }
      interrupted.push(this.#book.act(job, 'interrupt', { error: stopped('The app ended while this job ran.') }));
    }
    this.#pump();
    return interrupted;
  }

  /** Writes the job's folder and enqueues it. */
  async submit(request: JobRequest): Promise<Job> {
    const id = randomUUID();
    await this.#writeFolder(id, request);
    const job: Job = {
      id,
      kind: request.kind,
      state: 'queued',
      priority: request.priority ?? 'background',
      title: request.title,
      phase: 'Waiting',
      fraction: 0,
      remainingSeconds: null,
      createdAt: now(),
      startedAt: null,
      endedAt: null,
      error: null,
      attempt: 0,
      canResume: false,
      modelId: null,
    };
    this.#book.add(job);
    this.#pump();
    return job;
  }

  async #writeFolder(id: string, { kind, config, handOver }: JobRequest): Promise<void> {
    const folder = this.#options.folder(id);
    if (handOver === undefined) {
      await createJobFolder(folder, { id, kind, config }, this.#options.home);
      return;
    }
    await prepareJobFolder(folder, this.#options.home);
    const packed = await handOver({ id, folder, config });
    await createJobFolder(packed.place ?? folder, { id, kind, config: packed.config });
    // What the project reads of its own jobs: which cases trained.
    if (packed.place !== null) await createJobFolder(folder, { id, kind, config: packed.config });
    writeSubmission(folder, { target: packed.target, place: packed.place, id: null });
  }

  /** What a prompt network says, before the next step of what trains. Rejects where it cannot, and where the compute process ends meanwhile. */
  ask(model: string, device: string, input: Uint8Array): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(new StudioError('conflict', 'The project is being closed.'));
    this.#compute ??= this.#launch();
    return this.#asking.ask(this.#compute, model, device, input);
  }

  get(id: string): Job {
    return this.#book.get(id);
  }

  list(limit = 50): Job[] {
    return this.#book.list(limit);
  }

  log(id: string): Promise<JobLog> {
    return readLog(this.#options.folder(this.get(id).id));
  }

  result(id: string): Promise<unknown> {
    return readResult(this.#options.folder(this.get(id).id));
  }

  /** Resolves when the job no longer waits or runs. */
  wait(id: string): Promise<Job> {
    return this.#book.wait(id);
  }

  cancel(id: string): Promise<void> {
    return this.#stop(id, 'cancel');
  }

  pause(id: string): Promise<void> {
    return this.#stop(id, 'pause');
  }

  /** Back in the queue, from its checkpoint where there is one. */
  resume(id: string): void {
    this.#crashes.delete(id);
    this.#book.act(this.get(id), 'resume', { error: null, endedAt: null });
    this.#pump();
  }

  /** Stops what runs (a checkpoint each; they are `interrupted` at the next start) and ends the process. */
  async close(): Promise<void> {
    this.#closed = true;
    const elsewhere = await this.#submissions.close();
    await this.#compute?.close();
    this.#compute = null;
    this.#asking.lost();
    for (const id of this.#book.runningIds.filter((each) => !elsewhere.includes(each)))
      this.#book.act(this.get(id), 'interrupt', { error: stopped('The project was closed while this job ran.') });
    this.#book.close();
  }

  async #stop(id: string, how: 'cancel' | 'pause'): Promise<void> {
    const job = this.get(id);
    const running = this.#book.running(id);
    if (running === undefined) {
      this.#book.act(job, how);
      return;
    }
    nextState(job.state, how);
    if (running.stopping !== 'cancel') running.stopping = how; // Who cancels does not want it to go on.
    if (this.#submissions.has(id)) {
      await this.#submissions.stop(id);
      await this.wait(id);
      return;
    }
    this.#compute?.send({ type: 'stop', jobId: id });
    running.timer ??= setTimeout(
      () => {
        this.#compute?.kill('A job did not stop when it was asked to.');
      },
      (this.#options.stopSeconds ?? 30) * 1000,
    );
    await this.wait(id);
  }

  #pump(): void {
    if (this.#closed) return;
    for (const job of this.#book.unfinished()) {
      if (job.state !== 'queued') continue;
      const isElsewhere = this.#runsElsewhere(job.id);
      const busy = this.#book.runningIds.some((id) => !this.#submissions.has(id) && this.get(id).priority === 'background');
      if (job.priority === 'background' && busy && !isElsewhere) continue;
      this.#start(job);
    }
  }

  #runsElsewhere(id: string): boolean {
    return readSubmission(this.#options.folder(id)) !== undefined;
  }

  #start(job: Job): void {
    const { attempt } = this.#book.start(job);
    if (this.#runsElsewhere(job.id)) {
      this.#submissions.start(job.id);
      return;
    }
    this.#compute ??= this.#launch();
    this.#compute.send({
      type: 'start',
      jobId: job.id,
      folder: this.#options.folder(job.id),
      priority: job.priority,
      attempt,
      crashes: this.#crashes.get(job.id) ?? 0,
    });
  }

  #launch(): ComputeProcess {
    return new ComputeProcess(
      {
        message: (message) => {
          this.#receive(message);
        },
        silent: () => {
          this.#tell('silent', 'The compute process does not answer; the app waits for it.');
        },
        back: () => {
          this.#tell('running', 'The compute process answers again.');
        },
        crashed: (reason, detail) => {
          this.#crashed(reason, detail);
        },
      },
      this.#options.compute,
    );
  }

  #receive(message: FromCompute): void {
    if (message.type === 'ready' || this.#asking.receive(message)) return;
    const running = this.#book.running(message.jobId);
    if (running === undefined) return;
    const job = this.get(message.jobId);
    switch (message.type) {
      case 'progress': {
        const { phase, fraction, remainingSeconds } = message.progress;
        this.#book.progress(job.id, { phase, fraction, remainingSeconds: remainingSeconds ?? null });
        return;
      }
      case 'point':
        this.#crashes.delete(job.id); // it got further: the next crash is the first again
        this.#options.events.point(job.id, message.point);
        return;
      case 'alarm':
        this.#options.events.alarm(job.id, message.alarm);
        return;
      case 'done':
        this.#book.act(job, 'finish', { fraction: 1, remainingSeconds: 0, phase: 'Done', modelId: message.modelId });
        break;
      case 'stopped':
        this.#book.act(job, running.stopping ?? 'interrupt');
        break;
      case 'failed':
        this.#failed(job, message.error);
        break;
    }
    this.#pump();
  }

  #crashed(reason: string, detail: string): void {
    this.#compute = null;
    this.#asking.lost();
    const ids = this.#book.runningIds.filter((id) => !this.#submissions.has(id));
    this.#options.events.compute({
      state: 'crashed',
      message: `The compute process is gone. ${reason} No work of yours is lost.`,
      jobIds: ids,
    });
    const again: string[] = [];
    for (const id of ids) {
      const how = this.#book.running(id)?.stopping ?? null;
      if (how !== null) this.#book.act(this.get(id), how);
      else if (
        this.#interrupt(
          this.get(id),
          toWireError(new StudioError('internal', `The compute process ended while this job ran. ${reason}`, { detail })),
        )
      )
        again.push(id);
    }
    this.#pump();
    if (again.length > 0 && !this.#closed)
      this.#tell('restarted', 'The compute process was started again; its jobs go on from their checkpoints.', again);
  }

  /** A device that failed or ran out of memory is tried again with a smaller plan, as after a crash. */
  #failed(job: Job, error: WireError): void {
    if (error.code !== 'out-of-memory' && error.code !== 'device') this.#book.act(job, 'fail', { error });
    else if (this.#interrupt(job, error))
      this.#tell('restarted', `${error.message} The job resumes from its checkpoint with a smaller plan.`, [job.id]);
    else this.#book.act(this.get(job.id), 'fail', { error });
  }

  /** Interrupted; and, unless that happened too often in a row, back in the queue. Whether it is queued again. */
  #interrupt(job: Job, error: WireError): boolean {
    const crashes = (this.#crashes.get(job.id) ?? 0) + 1;
    this.#crashes.set(job.id, crashes);
    const again = crashes <= (this.#options.restarts ?? 2) && !this.#closed;
    const interrupted = this.#book.act(job, 'interrupt', { error }, again);
    if (again) this.#book.act(interrupted, 'resume', { phase: 'Starting again' });
    return again;
  }

  #tell(state: ComputeState, message: string, jobIds: readonly string[] = this.#book.runningIds): void {
    this.#options.events.compute({ state, message, jobIds });
  }
}
