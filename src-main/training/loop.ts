import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import type { TrainConfig } from '#shared/domain/trainConfig.ts';
import { BudgetClock } from './budgetClock.ts';
import { decodeCheckpoint, encodeCheckpoint, type CheckpointStore, type RunState } from './checkpoint.ts';
import { GuardedStore } from './guardedStore.ts';
import { collapseWatchFrom, collapseWatchSteps, type NamedMessage } from './guards.ts';
import type { TrainingHooks, TrainingStrategy } from './strategy.ts';

export interface LoopSettings {
  readonly budget: TrainConfig['budget'];
  /** Steps between two measurements; unless given, about a dozen in the budget. */
  readonly validateEvery?: number;
  readonly store: CheckpointStore;
  /** Seconds between two checkpoints, 30 unless given; more where saving takes long. */
  readonly checkpointSeconds?: number;
  /** Seconds of the budget that the preparation took. */
  readonly secondsBefore?: number;
  /** What becomes of another run's checkpoint: it is refused unless the training is to begin again, which is then told. */
  readonly otherRun?: 'refuse' | 'beginAgain';
}

export interface LoopOutcome {
  /** Optimiser steps done. */
  readonly steps: number;
  readonly seconds: number;
  readonly curve: readonly CurvePoint[];
}

const mostRecoveries = 5;
const validationsInBudget = 12;
const fewestStepsBetween = 25;
const secondsBetweenPoints = 2;

/**
 * Trains by a strategy within a budget. Resumes from the store's checkpoint where there is one; with a budget in steps the result then
 * equals that of a run that was never interrupted, bit for bit. On cancellation a checkpoint is saved and `cancelled` passes. Throws
 * `conflict` where the checkpoint is another run's, `corrupt` where it is damaged.
 */
export async function runLoop<Result extends object>(
  strategy: TrainingStrategy<Result>,
  settings: LoopSettings,
  hooks: TrainingHooks,
): Promise<Result & LoopOutcome> {
  return new Loop(strategy, settings, hooks).run();
}

class Loop<Result extends object> {
  readonly #strategy: TrainingStrategy<Result>;
  readonly #settings: LoopSettings;
  readonly #hooks: TrainingHooks;
  readonly #store: GuardedStore;
  #clock: BudgetClock;
  #state: Omit<RunState, 'averageUpdates' | 'best'>;
  #recoveries = 0;
  #losses: number[] = [];
  #lastPoint = 0;
  #lastSave = 0;
  #saveCost = 0;
  #lastMeasurement = 0;
  #measurementCost = 0;
  #measuredStep = -1;
  #watchedFifth = 0;

  constructor(strategy: TrainingStrategy<Result>, settings: LoopSettings, hooks: TrainingHooks) {
    this.#strategy = strategy;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#store = new GuardedStore(settings.store, hooks.alarm);
    this.#state = {
      step: 0,
      seconds: settings.secondsBefore ?? 0,
      rateScale: 1,
      curve: [],
      alarms: [],
      signature: strategy.signature,
    };
    this.#clock = new BudgetClock(settings.budget, this.#state.seconds);
  }

  async run(): Promise<Result & LoopOutcome> {
    if (!(await this.#restore())) {
      await this.#strategy.begin();
      await this.#save(); // so that there is always something to go back to
    }
    this.#lastSave = this.#lastMeasurement = this.#clock.seconds;
    try {
      await this.#untilTheBudgetIsUsed();
      await this.#save();
    } catch (error) {
      if (error instanceof StudioError && error.code === 'cancelled') await this.#save();
      throw error;
    }
    const result = await this.#strategy.finish(this.#state.step, this.#store);
    return { ...result, steps: this.#state.step, seconds: this.#clock.seconds, curve: this.#state.curve };
  }

  async #untilTheBudgetIsUsed(): Promise<void> {
    for (;;) {
      const fraction = this.#clock.fraction(this.#state.step, 2 * this.#measurementCost);
      if (fraction >= 1) break;
      throwIfCancelled(this.#hooks.cancellation);
      await this.#hooks.turn();
      const rate = this.#strategy.learningRate(fraction) * this.#state.rateScale;
      const loss = await this.#strategy.step(this.#state.step, { learningRate: rate, fraction });
      if (!Number.isFinite(loss)) {
        await this.#recover();
        continue;
      }
      this.#state = { ...this.#state, step: this.#state.step + 1 };
      this.#clock.stepped();
      this.#losses.push(loss);
      if (this.#measurementDue()) await this.#measure(rate);
      else {
        if (this.#watchDue()) this.#alarmCollapsed(await this.#strategy.watch?.());
        this.#point(rate, null);
      }
      if (this.#saveDue()) await this.#save();
      this.#report(fraction, loss);
    }
    if (this.#strategy.measure === undefined) this.#point(0, null, true);
    else if (this.#measuredStep !== this.#state.step) await this.#measure(0);
  }

  /** Takes up the store's checkpoint; false where there is none. */
  async #restore(): Promise<boolean> {
    const bytes = await this.#store.load('checkpoint');
    if (bytes === undefined) return false;
    const checkpoint = decodeCheckpoint(bytes);
    const { averageUpdates: _, best: __, ...state } = checkpoint.state;
    if (!this.#strategy.isSameRun(state.signature)) {
      if (this.#settings.otherRun === 'beginAgain') {
        this.#hooks.alarm('warning', 'This training was begun by another version, whose steps this one cannot resume: it begins again.');
        return false;
      }
      throw new StudioError(
        'conflict',
        'The checkpoint belongs to another training (other data, model or settings): choose an empty folder, or repeat the settings it was started with.',
      );
    }
    await this.#strategy.restore(checkpoint);
    this.#state = { ...state, signature: this.#strategy.signature };
    this.#clock = new BudgetClock(this.#settings.budget, state.seconds);
    this.#measuredStep = -1;
    return true;
  }

  /** The loss is NaN: back to the last checkpoint, at half the rate. */
  async #recover(): Promise<void> {
    const rateScale = this.#state.rateScale / 2;
    const { seconds } = this.#clock;
    if (++this.#recoveries > mostRecoveries || !(await this.#restore())) {
      throw new StudioError('internal', `${this.#strategy.name} became unstable again and again; ${this.#strategy.advice}`);
    }
    this.#state = { ...this.#state, rateScale };
    this.#clock = new BudgetClock(this.#settings.budget, seconds);
    this.#losses = [];
    this.#hooks.alarm(
      'warning',
      `The loss became NaN; ${this.#strategy.name.toLowerCase()} resumes from step ${this.#state.step} at ${rateScale} times the learning rate.`,
    );
  }

  #saveDue(): boolean {
    const { checkpointSeconds = 30 } = this.#settings;
    return this.#clock.seconds - this.#lastSave >= (checkpointSeconds === 0 ? 0 : Math.max(checkpointSeconds, 20 * this.#saveCost));
  }

  async #save(): Promise<void> {
    const before = this.#clock.seconds;
    const { averageUpdates, best, ...tensors } = await this.#strategy.snapshot();
    const { step, rateScale, curve, alarms, signature } = this.#state;
    const state: RunState = { step, seconds: before, rateScale, averageUpdates, best, curve, alarms, signature };
    await this.#store.save('checkpoint', encodeCheckpoint({ state, ...tensors }));
    this.#lastSave = this.#clock.seconds;
    this.#saveCost = this.#lastSave - before;
  }

  #measurementDue(): boolean {
    if (this.#strategy.measure === undefined) return false;
    const { validateEvery } = this.#settings;
    if (this.#clock.bySteps)
      return this.#state.step % (validateEvery ?? Math.max(fewestStepsBetween, Math.ceil(this.#clock.limit / validationsInBudget))) === 0;
    if (validateEvery !== undefined) return this.#state.step % validateEvery === 0;
    const interval = Math.max(this.#clock.limit / (validationsInBudget + 1), 10 * this.#measurementCost);
    return this.#clock.seconds - this.#lastMeasurement > interval;
  }

  async #measure(rate: number): Promise<void> {
    const before = this.#clock.seconds;
    const { step } = this.#state;
    const measured = await this.#strategy.measure?.(step, this.#store);
    this.#alarmCollapsed(measured?.collapsed);
    this.#measuredStep = step;
    this.#lastMeasurement = this.#clock.seconds;
    this.#measurementCost = this.#lastMeasurement - before;
    this.#point(rate, measured?.dice ?? null, true);
  }

  /** Where nothing is measured for long: at every fifth of the budget. */
  #watchDue(): boolean {
    return this.#fifth > this.#watchedFifth && this.#state.step >= collapseWatchSteps;
  }

  get #fifth(): number {
    return Math.floor(this.#clock.fraction(this.#state.step) / collapseWatchFrom);
  }

  #alarmCollapsed(collapsed: readonly NamedMessage[] = []): void {
    this.#watchedFifth = this.#fifth;
    if (this.#fifth < 1 || this.#state.step < collapseWatchSteps) return;
    for (const { name, message } of collapsed) {
      if (this.#state.alarms.includes(name)) continue;
      this.#state = { ...this.#state, alarms: [...this.#state.alarms, name] };
      this.#hooks.alarm('warning', message);
    }
  }

  /** Adds a point to the curves: with every measurement and at the end, otherwise about a thousand in the budget. */
  #point(rate: number, dice: CurvePoint['dice'], now = false): void {
    const seconds = this.#clock.seconds;
    const interval = this.#clock.bySteps ? secondsBetweenPoints : Math.max(secondsBetweenPoints, this.#clock.limit / 1000);
    if (!now && seconds - this.#lastPoint < interval) return;
    const loss = this.#losses.length === 0 ? null : this.#losses.reduce((sum, value) => sum + value, 0) / this.#losses.length;
    if (loss === null && dice === null) return;
    const point: CurvePoint = { step: this.#state.step, seconds, loss, learningRate: rate, dice };
    this.#losses = [];
    this.#lastPoint = seconds;
    this.#state = { ...this.#state, curve: [...this.#state.curve, point] };
    this.#hooks.point(point);
  }

  #report(fraction: number, loss: number): void {
    const { step } = this.#state;
    this.#hooks.report({
      phase: this.#strategy.name,
      fraction,
      remainingSeconds: this.#clock.remaining(step),
      detail: `step ${step}, loss ${loss.toFixed(3)}${this.#strategy.standing()}`,
    });
  }
}
