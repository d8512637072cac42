import type { TrainConfig } from '#shared/domain/trainConfig.ts';

/** How much of a budget is used up: of wall-clock time (across interruptions) or of steps. */
export class BudgetClock {
  readonly #limit: number;
  readonly #bySteps: boolean;
  readonly #before: number;
  readonly #startedAt = performance.now();
  #stepsHere = 0;

  /** `secondsBefore`: of the budget, used by earlier attempts and by the preparation. */
  constructor(budget: TrainConfig['budget'], secondsBefore: number) {
    this.#bySteps = 'steps' in budget;
    this.#limit = 'steps' in budget ? budget.steps : budget.minutes * 60;
    this.#before = secondsBefore;
  }

  get bySteps(): boolean {
    return this.#bySteps;
  }

  /** Steps or seconds in all. */
  get limit(): number {
    return this.#limit;
  }

  /** Seconds used, earlier attempts included. */
  get seconds(): number {
    return this.#before + (performance.now() - this.#startedAt) / 1000;
  }

  /** To be called after each step, for the estimate of what is left. */
  stepped(): void {
    this.#stepsHere++;
  }

  /** Part of the budget that is used, 0..1, when `step` steps are done and `reserve` seconds have to be left over. */
  fraction(step: number, reserve = 0): number {
    return Math.min(1, this.#bySteps ? step / this.#limit : this.seconds / Math.max(1, this.#limit - reserve));
  }

  /** Seconds that are left, as far as that is known. */
  remaining(step: number): number | undefined {
    if (!this.#bySteps) return Math.max(0, this.#limit - this.seconds);
    return this.#stepsHere < 2 ? undefined : ((this.seconds - this.#before) / this.#stepsHere) * (this.#limit - step);
  }
}
