import type { Client } from '#shared/contract/client.ts';
import type { Activities } from './activities.svelte.ts';

type Night = Awaited<ReturnType<Client['jobs']['night']>>;
export type NightPlan = Night['plan'];
export type NightReport = NonNullable<Night['report']>;

const aFewTimesAMinute = 20_000;

/** When the model is improved by itself, and what came of the last time. */
export class NightStore {
  readonly #client: Client;
  readonly #activities: Activities;
  plan = $state.raw<NightPlan | null>(null);
  next = $state.raw<Date | null>(null);
  report = $state.raw<NightReport | null>(null);
  #saidPresent = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(client: Client, activities: Activities) {
    this.#client = client;
    this.#activities = activities;
    client.on('jobs.night', (night) => this.#take(night));
  }

  async reload(): Promise<void> {
    try {
      this.#take(await this.#client.jobs.night());
    } catch (error) {
      this.#activities.fail(error);
    }
  }

  /** One change after the other, so that none undoes the one before it. */
  set(change: Partial<NightPlan>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.plan === null) return;
      try {
        this.#take(await this.#client.jobs.planNight({ ...this.plan, ...change }));
      } catch (error) {
        this.#activities.fail(error);
        await this.reload();
      }
    });
    return this.#turn;
  }

  async seen(): Promise<void> {
    this.report = null;
    await this.#client.jobs.nightSeen().catch((error: unknown) => this.#activities.fail(error));
  }

  /** The person did something: what waits until they are away waits on. `now` in ms. */
  present(now: number): void {
    if (this.plan === null || now - this.#saidPresent < aFewTimesAMinute) return;
    this.#saidPresent = now;
    this.#client.app.present().catch(() => undefined); // The next one says it again.
  }

  clear(): void {
    this.plan = null;
    this.next = null;
    this.report = null;
  }

  #take({ plan, next, report }: Night): void {
    this.plan = plan;
    this.next = next === null ? null : new Date(next);
    this.report = report;
  }
}
