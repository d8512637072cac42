import type { Client } from '#shared/contract/client.ts';
import { pointingMinutes } from '#shared/domain/pointing.ts';
import type { Activities } from './activities.svelte.ts';

type JobDetail = Awaited<ReturnType<Client['jobs']['get']>>;
export type Job = JobDetail['job'];
export type CurvePoint = JobDetail['points'][number];
export type Comparison = NonNullable<JobDetail['comparison']>;
export type ImprovePlan = Awaited<ReturnType<Client['jobs']['plan']>>;
export type BudgetKind = 'quick' | 'standard' | 'overnight' | 'minutes';

const active: ReadonlySet<Job['state']> = new Set(['queued', 'running', 'paused']);

/** A busy computer keeps the compute process waiting for moments that nobody needs to hear of. */
const patience = 5000;

/** Jobs, the plan of the next one, and the live curves of the one that is shown. */
export class TrainingStore {
  readonly #client: Client;
  readonly #activities: Activities;
  budget = $state<BudgetKind>('quick');
  minutes = $state(5);
  device = $state('auto');
  /** Names of the images that the network takes; null: as the plan proposes. */
  channels = $state.raw<readonly string[] | null>(null);
  missingChannels = $state<'leaveOut' | 'zeros'>('leaveOut');
  /** Hands the next improvement over, as the settings say. */
  elsewhere = $state(false);
  plan = $state.raw<ImprovePlan | null>(null);
  planning = $state(false);
  jobs = $state.raw<readonly Job[]>([]);
  shownId = $state<string | null>(null);
  points = $state.raw<readonly CurvePoint[]>([]);
  alarms = $state.raw<JobDetail['alarms']>([]);
  comparison = $state.raw<Comparison | null>(null);
  #planGeneration = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Client, activities: Activities) {
    this.#client = client;
    this.#activities = activities;
    client.on('jobs.changed', ({ job }) => this.#changed(job));
    client.on('jobs.point', ({ jobId, point }) => {
      if (jobId === this.shownId) this.points = [...this.points, point];
    });
    client.on('jobs.alarm', ({ jobId, alarm }) => {
      if (jobId === this.shownId) this.alarms = [...this.alarms, alarm];
      activities.say(alarm.message, alarm.severity);
    });
    client.on('jobs.compute', ({ state, message }) => {
      clearTimeout(this.#silence);
      if (state === 'silent') this.#silence = setTimeout(() => activities.say(message, 'warning'), patience);
      else if (state !== 'running') activities.say(message, state === 'crashed' ? 'error' : 'info');
    });
  }

  get shown(): Job | null {
    return this.jobs.find((job) => job.id === this.shownId) ?? null;
  }

  get running(): Job | null {
    return this.jobs.find((job) => active.has(job.state) && (job.kind === 'improve' || job.kind === 'train')) ?? null;
  }

  get pointing(): Job | null {
    return this.jobs.find((job) => active.has(job.state) && job.kind === 'improvePrompts') ?? null;
  }

  async reload(): Promise<void> {
    try {
      this.jobs = (await this.#client.jobs.list({})).jobs;
      const latest = this.running ?? this.jobs.find((job) => job.kind === 'improve' || job.kind === 'train');
      if (latest !== undefined) await this.show(latest.id);
      else this.#clearShown();
    } catch (error) {
      this.#activities.fail(error);
    }
  }

  async show(jobId: string): Promise<void> {
    this.shownId = jobId;
    const detail = await this.#client.jobs.get({ jobId });
    if (this.shownId !== jobId) return;
    this.points = detail.points;
    this.alarms = detail.alarms;
    this.comparison = detail.comparison;
    this.#changed(detail.job);
  }

  async replan(): Promise<void> {
    const generation = ++this.#planGeneration;
    this.planning = true;
    try {
      const plan = await this.#client.jobs.plan(this.#request());
      if (generation === this.#planGeneration) this.plan = plan;
    } catch (error) {
      if (generation === this.#planGeneration) {
        this.plan = null;
        this.#activities.fail(error);
      }
    } finally {
      if (generation === this.#planGeneration) this.planning = false;
    }
  }

  async improve(): Promise<void> {
    try {
      const { submitTo: to, submitFolder: folder } = await this.#client.settings.get();
      const submit = this.elsewhere && to !== '' ? { submit: { to, folder } } : {};
      const { jobId } = await this.#client.jobs.improve({ ...this.#request(), ...submit });
      if ((await this.#client.jobs.night()).plan.pointing && !this.elsewhere && (await this.#pointingLearned()))
        await this.improvePointing(pointingMinutes(this.plan?.minutes ?? 5));
      this.jobs = (await this.#client.jobs.list({})).jobs;
      await this.show(jobId);
    } catch (error) {
      this.#activities.fail(error);
    }
  }

  /** Whether a network answers to Point, or accepted cases taught it something: from then on it goes on learning. */
  async #pointingLearned(): Promise<boolean> {
    const [{ side }, { lessons }] = await Promise.all([this.#client.prompts.network(), this.#client.prompts.lessons()]);
    return side !== null || lessons.length > 0;
  }

  /** In the background, behind what runs already. */
  async improvePointing(minutes: number): Promise<void> {
    try {
      await this.#client.prompts.improve({
        budget: { kind: 'minutes', minutes },
        ...(this.device === 'auto' ? {} : { device: this.device }),
      });
    } catch (error) {
      this.#activities.fail(error);
    }
  }

  async cancel(jobId: string): Promise<void> {
    await this.#client.jobs.cancel({ jobId }).catch((error: unknown) => this.#activities.fail(error));
  }

  async resume(jobId: string): Promise<void> {
    await this.#client.jobs.resume({ jobId }).catch((error: unknown) => this.#activities.fail(error));
  }

  clear(): void {
    this.jobs = [];
    this.plan = null;
    this.channels = null;
    this.missingChannels = 'leaveOut';
    this.#clearShown();
  }

  #request(): Parameters<Client['jobs']['improve']>[0] {
    const budget = this.budget === 'minutes' ? { kind: 'minutes' as const, minutes: this.minutes } : { kind: this.budget };
    return {
      budget,
      ...(this.device === 'auto' ? {} : { device: this.device }),
      ...(this.channels !== null && { channels: this.channels }),
      ...(this.missingChannels === 'zeros' && { missingChannels: this.missingChannels }),
    };
  }

  #clearShown(): void {
    this.shownId = null;
    this.points = [];
    this.alarms = [];
    this.comparison = null;
  }

  #changed(job: Job): void {
    const known = this.jobs.some((each) => each.id === job.id);
    const before = this.jobs.find((each) => each.id === job.id);
    this.jobs = known ? this.jobs.map((each) => (each.id === job.id ? job : each)) : [job, ...this.jobs];
    if (this.shownId === null && (job.kind === 'improve' || job.kind === 'train')) this.shownId = job.id;
    if (before !== undefined && active.has(before.state) && !active.has(job.state)) {
      if (job.id === this.shownId) void this.show(job.id).catch((error: unknown) => this.#activities.fail(error));
      if (job.state === 'done') this.#activities.say(`${job.title}: done.`, 'good');
      if (job.state === 'failed' && job.error !== null) this.#activities.say(job.error.message, 'error');
    }
  }
}
