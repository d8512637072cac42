import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { CurvePoint, Severity } from '#shared/domain/job.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { Recipe, TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { decodeSafetensors, encodeSafetensors } from '#main/model/safetensors.ts';
import { initialWeights, transplant, type Weights } from '#main/model/weights.ts';
import { averageEvery, WeightAverage } from './average.ts';
import { BatchSource } from './batchSource.ts';
import { BudgetClock } from './budgetClock.ts';
import { decodeCheckpoint, encodeCheckpoint, type CheckpointStore, type RunState } from './checkpoint.ts';
import { collapsedClasses, collapseWatchFrom, collapseWatchSteps, type ClassFacts } from './guards.ts';
import { isSameRun, runSignature } from './runSignature.ts';
import { learningRate } from './schedule.ts';
import { TrainingNetwork } from './trainingNetwork.ts';
import type { TrainingPlan } from './trainingPlan.ts';
import { validate, type Validation } from './validate.ts';

export interface TrainingSetup {
  readonly executor: Executor;
  readonly architecture: ArchitectureConfig;
  readonly plan: TrainingPlan;
  readonly recipe: Recipe;
  readonly budget: TrainConfig['budget'];
  readonly validateEvery?: number;
  readonly seed: number;
  /** Case files (caseFile.ts), named after what they hold. Without validation cases the last weights are kept, and some training cases are watched instead. */
  readonly trainingCases: readonly string[];
  readonly validationCases: readonly string[];
  /** Classes 1..C−1, in order. */
  readonly classes: readonly ClassFacts[];
  readonly mirrorAxes: readonly (0 | 1 | 2)[];
  /** Weights to start from, carried over wherever name and shape agree. */
  readonly start?: Weights;
  /** 'best' (unless given): the weights that validated best. 'last': the final ones; validation then only watches, and stays honest. */
  readonly keep?: 'best' | 'last';
  readonly store: CheckpointStore;
  readonly memoryBudgetBytes?: number;
  /** Seconds between two checkpoints, 30 unless given; more where saving takes long. */
  readonly checkpointSeconds?: number;
  /** Seconds of the budget that the preparation took. */
  readonly secondsBefore?: number;
}

export interface TrainingHooks {
  readonly report: ReportProgress;
  readonly point: (point: CurvePoint) => void;
  readonly alarm: (severity: Severity, message: string) => void;
  readonly cancellation: Cancellation;
  readonly turn: () => Promise<void>;
}

export interface TrainingOutcome {
  readonly weights: Weights;
  /** Optimiser steps done, and the one whose weights were kept. */
  readonly steps: number;
  readonly keptStep: number;
  readonly seconds: number;
  /** The kept weights on the validation cases, with HD95; undefined without validation cases. */
  readonly validation: Validation | undefined;
  readonly curve: readonly CurvePoint[];
  /** Bytes of the training plan. */
  readonly arenaBytes: number;
}

const mostRecoveries = 5;
const watchedTrainingCases = 4;
const validationsInBudget = 12;
const fewestStepsBetween = 25;

/**
 * Trains a segmentation network within a budget. Goes on from the store's checkpoint where there is one; with a budget in steps the
 * result then equals that of a run that was never interrupted, bit for bit. On cancellation a checkpoint is saved and `cancelled`
 * passes. Throws `conflict` where the checkpoint is another run's.
 */
export async function train(setup: TrainingSetup, hooks: TrainingHooks): Promise<TrainingOutcome> {
  const { executor, architecture, plan, recipe } = setup;
  const network = await TrainingNetwork.create(executor, architecture, {
    batch: plan.batch, patch: plan.patch, memoryBudgetBytes: setup.memoryBudgetBytes,
    loss: { kind: 'diceCrossEntropy', diceWeight: recipe.diceWeight, crossEntropyWeight: recipe.crossEntropyWeight },
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: recipe.weightDecay },
  });
  try {
    const predictor = await NetworkPredictor.create(executor, architecture, plan.patch);
    try {
      return await new Run(setup, hooks, network, predictor).finish();
    } finally {
      predictor.dispose();
    }
  } finally {
    network.dispose();
  }
}

class Run {
  readonly #setup: TrainingSetup;
  readonly #hooks: TrainingHooks;
  readonly #network: TrainingNetwork;
  readonly #predictor: NetworkPredictor;
  readonly #signature: string;
  #clock: BudgetClock;
  #source: BatchSource | undefined;
  #average: WeightAverage | undefined;
  #state: RunState;
  #recoveries = 0;
  #losses: number[] = [];
  #lastPoint = 0;
  #lastSave = 0;
  #saveCost = 0;
  #lastValidation = 0;
  #validationCost = 0;
  #validatedStep = -1;

  constructor(setup: TrainingSetup, hooks: TrainingHooks, network: TrainingNetwork, predictor: NetworkPredictor) {
    this.#setup = setup;
    this.#hooks = hooks;
    this.#network = network;
    this.#predictor = predictor;
    this.#signature = runSignature(setup);
    this.#state = {
      step: 0, seconds: setup.secondsBefore ?? 0, rateScale: 1, averageUpdates: 0, best: null, curve: [], alarms: [], signature: this.#signature,
    };
    this.#clock = new BudgetClock(setup.budget, this.#state.seconds);
  }

  async finish(): Promise<TrainingOutcome> {
    const { recipe } = this.#setup;
    if (!(await this.#restore())) await this.#begin();
    this.#lastSave = this.#lastValidation = this.#clock.seconds;
    try {
      for (;;) {
        const fraction = this.#clock.fraction(this.#state.step, 2 * this.#validationCost);
        if (fraction >= 1) break;
        throwIfCancelled(this.#hooks.cancellation);
        await this.#hooks.turn();
        const rate = learningRate(recipe.learningRate, recipe.warmUp, fraction) * this.#state.rateScale;
        const loss = await this.#step(rate);
        if (loss === undefined) {
          await this.#recover();
          continue;
        }
        this.#losses.push(loss);
        if (this.#validationDue()) await this.#validate(rate);
        else this.#point(rate, null);
        if (this.#saveDue()) await this.#save();
        this.#report(fraction, loss);
      }
      if (this.#validatedStep !== this.#state.step) await this.#validate(0);
      await this.#save();
    } catch (error) {
      if (error instanceof StudioError && error.code === 'cancelled') await this.#save();
      throw error;
    } finally {
      this.#source?.dispose();
    }
    return this.#outcome();
  }

  /** Fresh weights, or those to start from; saved at once, so that there is always something to go back to. */
  async #begin(): Promise<void> {
    const { seed, start } = this.#setup;
    const fresh = initialWeights(this.#network.model, new Random(seed));
    const weights = start === undefined ? fresh : transplant(start, fresh).weights;
    await this.#network.load(weights);
    await this.#network.loadMoments(new Map());
    this.#startAverage(weights, 0);
    this.#startSource(0);
    await this.#save();
  }

  /** Goes on from the store's checkpoint; false where there is none. */
  async #restore(): Promise<boolean> {
    const bytes = await this.#setup.store.load('checkpoint');
    if (bytes === undefined) return false;
    const { state, weights, moments, average } = decodeCheckpoint(bytes);
    if (!isSameRun(state.signature, this.#signature)) {
      throw new StudioError('conflict', 'The checkpoint belongs to another training (other data, model or settings): choose an empty folder, or repeat the settings it was started with.');
    }
    await this.#network.load(weights);
    await this.#network.loadMoments(moments);
    this.#state = { ...state, signature: this.#signature };
    this.#startAverage(average ?? weights, state.averageUpdates);
    this.#startSource(state.step);
    this.#clock = new BudgetClock(this.#setup.budget, state.seconds);
    this.#validatedStep = -1;
    return true;
  }

  #startAverage(weights: Weights, updates: number): void {
    const { averageSteps } = this.#setup.recipe;
    this.#average = averageSteps > 0 ? new WeightAverage(averageSteps, weights, updates) : undefined;
  }

  #startSource(first: number): void {
    const { plan, recipe, seed, trainingCases, mirrorAxes } = this.#setup;
    this.#source?.dispose();
    const [d, h, w] = plan.patch;
    this.#source = new BatchSource({
      cases: trainingCases, batch: plan.batch, seed,
      rule: { size: [w, h, d], augmentation: recipe.augmentation, foregroundShare: recipe.foregroundShare, mirrorAxes },
    }, first);
  }

  /** One optimiser step; its loss, or undefined where it was no number. */
  async #step(rate: number): Promise<number | undefined> {
    const { step } = this.#state;
    let scalars = { loss: NaN, norm: NaN };
    await this.#source?.take(step, async ({ image, classes }) => {
      scalars = await this.#network.step({ x: image, label: classes }, { learningRate: rate, maximumNorm: this.#setup.recipe.maximumNorm, count: step + 1 });
    });
    if (!Number.isFinite(scalars.loss) || !Number.isFinite(scalars.norm)) return undefined;
    this.#state = { ...this.#state, step: step + 1 };
    this.#clock.stepped();
    if ((step + 1) % averageEvery === 0) this.#average?.update(await this.#network.weights());
    return scalars.loss;
  }

  /** The loss stopped being a number: back to the last checkpoint, at half the rate. */
  async #recover(): Promise<void> {
    const scale = this.#state.rateScale / 2;
    const { seconds } = this.#clock;
    if (++this.#recoveries > mostRecoveries || !(await this.#restore())) {
      throw new StudioError('internal', 'The training became unstable again and again; try the recipe "paper", which learns more slowly.');
    }
    this.#state = { ...this.#state, rateScale: scale };
    this.#clock = new BudgetClock(this.#setup.budget, seconds);
    this.#losses = [];
    this.#hooks.alarm('warning', `The loss stopped being a number; training goes on from step ${this.#state.step} at ${scale} times the learning rate.`);
  }

  #saveDue(): boolean {
    const { checkpointSeconds = 30 } = this.#setup;
    return this.#clock.seconds - this.#lastSave >= (checkpointSeconds === 0 ? 0 : Math.max(checkpointSeconds, 20 * this.#saveCost));
  }

  #validationDue(): boolean {
    const { validateEvery } = this.#setup;
    if (this.#clock.bySteps) return this.#state.step % (validateEvery ?? Math.max(fewestStepsBetween, Math.ceil(this.#clock.limit / validationsInBudget))) === 0;
    if (validateEvery !== undefined) return this.#state.step % validateEvery === 0;
    return this.#clock.seconds - this.#lastValidation > Math.max(this.#clock.limit / (validationsInBudget + 1), 10 * this.#validationCost);
  }

  async #validate(rate: number): Promise<void> {
    const { validationCases, trainingCases, classes, store } = this.#setup;
    const before = this.#clock.seconds;
    const weights = this.#average?.weights ?? (await this.#network.weights());
    await this.#predictor.load(weights);
    const watched = validationCases.length > 0 ? validationCases : trainingCases.slice(0, watchedTrainingCases);
    const { summary, score } = await validate(this.#predictor, watched, this.#hooks);
    const dice = Object.fromEntries(summary.flatMap((row, index) => (row.dice === null ? [] : [[classes[index]?.name ?? String(row.label), row.dice]])));
    const { step, best } = this.#state;
    if (validationCases.length > 0 && this.#setup.keep !== 'last' && (best === null || score > best.score)) {
      await this.#guarded(() => store.save('best', encodeSafetensors(weights)));
      this.#state = { ...this.#state, best: { step, score, dice } };
    }
    if (this.#clock.fraction(step) >= collapseWatchFrom && step >= collapseWatchSteps) {
      for (const { name, message } of collapsedClasses(summary, classes)) {
        if (this.#state.alarms.includes(name)) continue;
        this.#state = { ...this.#state, alarms: [...this.#state.alarms, name] };
        this.#hooks.alarm('warning', message);
      }
    }
    this.#validatedStep = step;
    this.#lastValidation = this.#clock.seconds;
    this.#validationCost = this.#lastValidation - before;
    this.#point(rate, dice);
  }

  /** Adds a point to the curves: with every validation, otherwise about a thousand in the budget. */
  #point(rate: number, dice: CurvePoint['dice']): void {
    const seconds = this.#clock.seconds;
    const interval = this.#clock.bySteps ? 2 : Math.max(2, this.#clock.limit / 1000);
    if (dice === null && seconds - this.#lastPoint < interval) return;
    const loss = this.#losses.length === 0 ? null : this.#losses.reduce((sum, value) => sum + value, 0) / this.#losses.length;
    const point: CurvePoint = { step: this.#state.step, seconds, loss, learningRate: rate, dice };
    this.#losses = [];
    this.#lastPoint = seconds;
    this.#state = { ...this.#state, curve: [...this.#state.curve, point] };
    this.#hooks.point(point);
  }

  #report(fraction: number, loss: number): void {
    const { step, best } = this.#state;
    const kept = best === null ? '' : `, best Dice ${best.score.toFixed(3)}`;
    this.#hooks.report({ phase: 'Training', fraction, remainingSeconds: this.#clock.remaining(step), detail: `step ${step}, loss ${loss.toFixed(3)}${kept}` });
  }

  async #save(): Promise<void> {
    const before = this.#clock.seconds;
    const state: RunState = { ...this.#state, seconds: before, averageUpdates: this.#average?.updates ?? 0 };
    const bytes = encodeCheckpoint({ state, weights: await this.#network.weights(), moments: await this.#network.moments(), average: this.#average?.weights });
    await this.#guarded(() => this.#setup.store.save('checkpoint', bytes));
    this.#lastSave = this.#clock.seconds;
    this.#saveCost = this.#lastSave - before;
  }

  /** A full disk must not end a training: what was saved before is intact, and the person is told. The first save has to succeed. */
  async #guarded(save: () => Promise<void>): Promise<void> {
    try {
      await save();
    } catch (error) {
      if (!(error instanceof StudioError) || (error.code !== 'disk-full' && error.code !== 'io') || this.#state.step === 0) throw error;
      this.#hooks.alarm('error', `The checkpoint could not be saved; the one before is intact. ${error.message}`);
    }
  }

  async #outcome(): Promise<TrainingOutcome> {
    const { validationCases, store } = this.#setup;
    const { step, best, curve } = this.#state;
    const bytes = best === null ? undefined : await store.load('best');
    const weights: Weights = bytes === undefined ? (this.#average?.weights ?? (await this.#network.weights())) : decodeSafetensors(bytes).tensors;
    await this.#predictor.load(weights);
    const validation = validationCases.length === 0 ? undefined : await validate(this.#predictor, validationCases, {
      ...this.#hooks, distances: true, onProgress: (fraction) => this.#hooks.report({ phase: 'Measuring', fraction }),
    });
    return { weights, steps: step, keptStep: bytes === undefined ? step : (best?.step ?? step), seconds: this.#clock.seconds, validation, curve, arenaBytes: this.#network.arenaBytes };
  }
}
