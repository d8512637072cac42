import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import { noAugmentation, type Recipe } from '#shared/domain/trainConfig.ts';
import type { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { classesOf, paddingOf, regionsOf } from '#main/model/networkConfig.ts';
import { initialWeights, transplant, type Weights } from '#main/model/weights.ts';
import { averageEvery, WeightAverage } from './average.ts';
import type { Batch, BatchSpecification } from './patches/batches.ts';
import { BatchSource } from './patches/batchSource.ts';
import { decodeBest, encodeBest, type Checkpoint, type RunState } from './checkpoint.ts';
import type { GuardedStore } from './guardedStore.ts';
import { Settled, withoutIgnored } from './ignored.ts';
import { collapsedClasses, type NamedMessage } from './guards.ts';
import { patchDice } from './patchDice.ts';
import { RegionTargets } from './regionTargets.ts';
import { isSameRun, runSignature } from './runSignature.ts';
import { withStatisticsOf } from './normStatistics.ts';
import { learningRate } from './schedule.ts';
import type { Measured, Pace, Snapshot, TrainingHooks, TrainingStrategy } from './strategy.ts';
import type { TrainingOutcome, TrainingSetup } from './train.ts';
import { finiteLoss, type StepInputs, type TrainingNetwork } from './trainingNetwork.ts';
import { validate, type Validation } from './validate.ts';

const watchedTrainingCases = 4;
const watchedPatches = 16;
/** Batches that the norms' statistics are taken from at the end; after a short training fewer, so that they take a twelfth of its time at most. */
const STATISTICS_BATCHES = 60;

/** Learns from labelled cases; what validates and is kept is a moving average of the weights, where the recipe has one. */
export class Supervised implements TrainingStrategy<Pick<TrainingOutcome, 'weights' | 'keptStep' | 'validation'>>, Disposable {
  readonly name = 'Training';
  readonly advice = 'try the recipe "paper", which learns more slowly.';
  readonly signature: string;
  protected readonly setup: TrainingSetup;
  protected readonly hooks: TrainingHooks;
  protected readonly network: TrainingNetwork;
  protected readonly predictor: NetworkPredictor;
  #source: BatchSource | undefined;
  #average: WeightAverage | undefined;
  #best: RunState['best'] = null;
  readonly #settled: Settled | undefined;
  readonly #regions: RegionTargets | undefined;

  constructor(setup: TrainingSetup, hooks: TrainingHooks, network: TrainingNetwork, predictor: NetworkPredictor) {
    this.setup = setup;
    this.hooks = hooks;
    this.network = network;
    this.predictor = predictor;
    this.signature = this.sign();
    const { batch, patch, markedShare } = setup.plan;
    const voxels = patch[0] * patch[1] * patch[2];
    this.#settled = markedShare === undefined ? undefined : new Settled(batch, classesOf(setup.architecture), voxels);
    const regions = regionsOf(setup.architecture);
    this.#regions = regions && new RegionTargets(regions, batch * voxels);
  }

  protected sign(): string {
    return runSignature(this.setup);
  }

  isSameRun(found: string): boolean {
    return isSameRun(found, this.signature);
  }

  async begin(): Promise<void> {
    const { seed, start } = this.setup;
    const fresh = initialWeights(this.network.model, new Random(seed));
    const weights = start === undefined ? fresh : transplant(start, fresh).weights;
    await this.network.load(weights);
    await this.network.loadMoments(new Map());
    this.#startAverage(weights, 0);
    await this.start(0);
  }

  async restore({ state, weights, moments, average }: Checkpoint): Promise<void> {
    await this.network.load(weights);
    await this.network.loadMoments(moments);
    this.#best = state.best;
    this.#startAverage(average ?? weights, state.averageUpdates);
    await this.start(state.step);
  }

  #startAverage(weights: Weights, updates: number): void {
    const { averageSteps } = this.setup.recipe;
    this.#average = averageSteps > 0 ? new WeightAverage(averageSteps, weights, updates) : undefined;
  }

  /** Weights, moments and average are loaded; the next step is `first`. */
  protected start(first: number): Promise<void> {
    const { recipe, seed, trainingCases } = this.setup;
    this.#source?.dispose();
    this.#source = new BatchSource(this.batches(trainingCases, seed, recipe), first);
    return Promise.resolve();
  }

  protected batches(cases: readonly string[], seed: number, rule: Pick<Recipe, 'augmentation' | 'foregroundShare'>): BatchSpecification {
    return batchesOf(this.setup, cases, seed, rule);
  }

  async snapshot(): Promise<Snapshot> {
    return {
      weights: await this.network.weights(),
      moments: await this.network.moments(),
      average: this.#average?.weights,
      averageUpdates: this.#average?.updates ?? 0,
      best: this.#best,
    };
  }

  learningRate(fraction: number): number {
    const { recipe } = this.setup;
    return learningRate(recipe.learningRate, recipe.warmUp, fraction);
  }

  async step(step: number, pace: Pace): Promise<number> {
    let loss = NaN;
    await this.#source?.take(step, async (batch) => {
      const inputs = await this.inputs(step, batch, pace);
      const rate = { learningRate: pace.learningRate, maximumNorm: this.setup.recipe.maximumNorm, count: step + 1 };
      loss = finiteLoss(await this.network.step(inputs, rate));
    });
    if (Number.isFinite(loss) && (step + 1) % averageEvery === 0 && this.#average !== undefined) {
      this.#average.update(await this.network.weights());
      await this.averageMoved(this.#average.weights);
    }
    return loss;
  }

  /** What a step learns from. */
  protected inputs(_step: number, { image, classes }: Batch, _pace: Pace): Promise<StepInputs> {
    if (this.#regions !== undefined) return Promise.resolve({ x: image, ...this.#regions.of(classes) });
    return Promise.resolve({ x: image, ...(this.#settled === undefined ? { label: classes } : withoutIgnored(classes, this.#settled)) });
  }

  protected averageMoved(_average: Weights): Promise<void> {
    return Promise.resolve();
  }

  standing(): string {
    return this.#best === null ? '' : `, best Dice ${this.#best.score.toFixed(3)}`;
  }

  async measure(step: number, store: GuardedStore): Promise<Measured> {
    const { validationCases, trainingCases, classes, keep } = this.setup;
    const weights = await this.current();
    await this.predictor.load(weights);
    const watched = validationCases.length > 0 ? validationCases : trainingCases.slice(0, watchedTrainingCases);
    const { summary, score } = await validate(this.predictor, watched, {
      ...this.hooks,
      channels: this.setup.channels,
      regions: this.setup.regions,
    });
    const dice = Object.fromEntries(
      summary.flatMap((row, index) => (row.dice === null ? [] : [[classes[index]?.name ?? String(row.label), row.dice]])),
    );
    const better = validationCases.length > 0 && keep !== 'last' && (this.#best === null || score > this.#best.score);
    // The step counts as the best only where its weights are on disk.
    if (better && (await store.save('best', encodeBest(weights)))) this.#best = { step, score, dice };
    // What no watched mask holds has no volume error: whether it is learned is seen on patches of the masks that train.
    const unheld = summary.map(({ volumeError }, index) => volumeError === null && (classes[index]?.trainingCases ?? 0) > 0);
    const onPatches = unheld.includes(true) ? await this.#patchDice() : [];
    const rows = summary.map((row, index) => (unheld[index] === true ? (onPatches[index] ?? row) : row));
    return { dice, collapsed: collapsedClasses(rows, classes) };
  }

  async watch(): Promise<readonly NamedMessage[]> {
    await this.predictor.load(await this.current());
    return collapsedClasses(await this.#patchDice(), this.setup.classes);
  }

  #patchDice(): ReturnType<typeof patchDice> {
    const { trainingCases, seed, recipe, regions } = this.setup;
    return patchDice(this.predictor, this.batches(trainingCases, seed, recipe), watchedPatches, regions);
  }

  async finish(steps: number, store: GuardedStore): Promise<Pick<TrainingOutcome, 'weights' | 'keptStep' | 'validation'>> {
    this.dispose();
    const bytes = this.#best === null ? undefined : await store.load('best');
    const learned = bytes === undefined ? await this.current() : decodeBest(bytes);
    const settled = await this.#kept(learned, await this.#withPlainNorms(learned, steps));
    return { ...settled, keptStep: bytes === undefined ? steps : (this.#best?.step ?? steps) };
  }

  /** With plain norms, unless validation may choose and finds those of the training better. */
  async #kept(learned: Weights, plain: Weights): Promise<Pick<TrainingOutcome, 'weights' | 'validation'>> {
    const measured = async (weights: Weights): Promise<Pick<TrainingOutcome, 'weights' | 'validation'>> => {
      await this.predictor.load(weights);
      return { weights, validation: await this.#validation() };
    };
    const after = await measured(plain);
    if (after.validation === undefined || this.setup.keep === 'last' || plain === learned) return after;
    const before = await measured(learned);
    return (before.validation?.score ?? 0) > after.validation.score ? before : after;
  }

  /** The norms then fit patches as they lie in the scans, as a prediction sees them. */
  async #withPlainNorms(weights: Weights, steps: number): Promise<Weights> {
    const { executor, architecture, trainingCases, seed, recipe } = this.setup;
    const batches = this.batches(trainingCases, seed ^ 0x5ca5, { ...recipe, augmentation: noAugmentation });
    const count = Math.min(STATISTICS_BATCHES, Math.ceil(steps / 4));
    try {
      return await withStatisticsOf(executor, architecture, weights, batches, count, this.hooks);
    } catch (error) {
      if (!(error instanceof StudioError) || error.code !== 'out-of-memory') throw error;
      this.hooks.alarm('warning', 'There is no memory to take the norms’ statistics anew: those of the training’s changed patches stay.');
      return weights;
    }
  }

  async #validation(): Promise<Validation | undefined> {
    const { validationCases } = this.setup;
    if (validationCases.length === 0) return undefined;
    return validate(this.predictor, validationCases, {
      ...this.hooks,
      channels: this.setup.channels,
      regions: this.setup.regions,
      distances: true,
      onProgress: (fraction) => this.hooks.report({ phase: 'Measuring', fraction }),
    });
  }

  /** What validates and is kept: the moving average where the recipe has one. */
  protected async current(): Promise<Weights> {
    return this.#average?.weights ?? (await this.network.weights());
  }

  dispose(): void {
    this.#source?.dispose();
    this.#source = undefined;
  }
}

/** The batches that a training draws from some cases. */
export function batchesOf(
  { architecture, plan, mirrorAxes, channels }: Pick<TrainingSetup, 'architecture' | 'plan' | 'mirrorAxes' | 'channels'>,
  cases: readonly string[],
  seed: number,
  { augmentation, foregroundShare }: Pick<Recipe, 'augmentation' | 'foregroundShare'>,
): BatchSpecification {
  const padding = paddingOf(architecture);
  const [d, h, w] = plan.patch;
  return {
    cases,
    batch: plan.batch,
    seed,
    rule: {
      size: [w, h, d],
      augmentation,
      foregroundShare,
      mirrorAxes,
      ...(plan.slices && { sliceAxis: plan.slices.axis }),
      ...(channels && { channels }),
      ...(padding !== undefined && { padding }),
      ...dropoutOf(plan),
    },
  };
}

/** Part of the patches in which a channel that some cases lack is left out, so that the network learns to do without it. */
const DROPOUT_SHARE = 0.25;

function dropoutOf({ channels = [] }: TrainingSetup['plan']): Pick<BatchSpecification['rule'], 'dropout'> {
  const optional = channels.flatMap((channel, n) => (channel.optional ? [n] : []));
  return optional.length === 0 ? {} : { dropout: { share: DROPOUT_SHARE, channels: optional } };
}
