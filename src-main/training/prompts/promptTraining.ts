import { Random } from '#shared/base/random.ts';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import { recipes } from '#shared/domain/trainConfig.ts';
import { diceOf, nextClick, type Structure } from '#shared/prompts/nextClick.ts';
import { networkInput } from '#shared/prompts/networkInput.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { initialWeights, transplant, type Weights } from '#main/model/weights.ts';
import { averageEvery, WeightAverage } from '../average.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { runLoop, type LoopOutcome, type LoopSettings } from '../loop.ts';
import { learningRate } from '../schedule.ts';
import type { Measured, Pace, Snapshot, TrainingHooks, TrainingStrategy } from '../strategy.ts';
import { finiteLoss, TrainingNetwork } from '../trainingNetwork.ts';
import type { PointedCase } from './generatedVolume.ts';
import { answered, cubeGrid, promptBatch, type PointedCases } from './promptSamples.ts';

export interface PromptTrainingSetup extends LoopSettings {
  readonly executor: Executor;
  /** Channels as `promptChannels`, two classes. */
  readonly architecture: ArchitectureConfig;
  /** Voxels of a side of the cube. */
  readonly side: number;
  readonly batch: number;
  readonly seed: number;
  readonly cases: PointedCases;
  /** Of the cases: a checkpoint goes on with the same alone. */
  readonly casesName: string;
  /** Watched, and never trained on. */
  readonly watched: readonly PointedCase[];
  readonly learningRate: number;
  readonly start?: Weights | undefined;
  readonly memoryBudgetBytes?: number | undefined;
}

export interface PromptTrainingOutcome extends LoopOutcome {
  readonly weights: Weights;
  /** Mean Dice on the watched cases after 1 and 3 clicks, by name. */
  readonly dice: Readonly<Record<string, number>>;
}

const { averageSteps, maximumNorm, warmUp, weightDecay } = recipes.standard;
const looked = [1, 3] as const;

/** Trains a network that is asked with prompts, as `runLoop` trains; what is kept, and what answers while it learns, is the moving average. */
export async function trainPrompts(setup: PromptTrainingSetup, hooks: TrainingHooks): Promise<PromptTrainingOutcome> {
  const { executor, architecture, side, batch, memoryBudgetBytes } = setup;
  const patch = [side, side, side] as const;
  const network = await TrainingNetwork.create(executor, architecture, {
    batch,
    patch,
    memoryBudgetBytes,
    loss: { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1 },
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay },
  });
  try {
    const predictor = await NetworkPredictor.create(executor, architecture, patch);
    try {
      return await runLoop(new PromptTraining(setup, hooks, network, predictor), setup, hooks);
    } finally {
      predictor.dispose();
    }
  } finally {
    network.dispose();
  }
}

class PromptTraining implements TrainingStrategy<Pick<PromptTrainingOutcome, 'weights' | 'dice'>> {
  readonly name = 'Learning to be asked';
  readonly advice = 'try another seed.';
  readonly signature: string;
  readonly #setup: PromptTrainingSetup;
  readonly #hooks: TrainingHooks;
  readonly #network: TrainingNetwork;
  readonly #predictor: NetworkPredictor;
  #average: WeightAverage = new WeightAverage(averageSteps, new Map());
  #dice: Readonly<Record<string, number>> = {};

  constructor(setup: PromptTrainingSetup, hooks: TrainingHooks, network: TrainingNetwork, predictor: NetworkPredictor) {
    this.#setup = setup;
    this.#hooks = hooks;
    this.#network = network;
    this.#predictor = predictor;
    const { architecture, side, batch, seed, casesName, budget } = setup;
    this.signature = JSON.stringify({ kind: 'prompts', architecture, side, batch, seed, casesName, budget, rate: setup.learningRate });
  }

  isSameRun(found: string): boolean {
    return found === this.signature;
  }

  async begin(): Promise<void> {
    const { seed, start } = this.#setup;
    const fresh = initialWeights(this.#network.model, new Random(seed));
    const weights = start === undefined ? fresh : transplant(start, fresh).weights;
    await this.#load(weights, new Map(), weights, 0);
  }

  async restore({ state, weights, moments, average }: Checkpoint): Promise<void> {
    await this.#load(weights, moments, average ?? weights, state.averageUpdates);
  }

  async #load(weights: Weights, moments: Checkpoint['moments'], average: Weights, updates: number): Promise<void> {
    await this.#network.load(weights);
    await this.#network.loadMoments(moments);
    this.#average = new WeightAverage(averageSteps, average, updates);
    await this.#predictor.load(average);
  }

  async snapshot(): Promise<Snapshot> {
    return {
      weights: await this.#network.weights(),
      moments: await this.#network.moments(),
      average: this.#average.weights,
      averageUpdates: this.#average.updates,
      best: null,
    };
  }

  learningRate(fraction: number): number {
    return learningRate(this.#setup.learningRate, warmUp, fraction);
  }

  async step(step: number, { learningRate: rate }: Pace): Promise<number> {
    const inputs = await promptBatch(this.#setup.cases, this.#setup, step, (input) => this.#chance(input));
    const loss = finiteLoss(await this.#network.step(inputs, { learningRate: rate, maximumNorm, count: step + 1 }));
    if (Number.isFinite(loss) && (step + 1) % averageEvery === 0) {
      this.#average.update(await this.#network.weights());
      await this.#predictor.load(this.#average.weights);
    }
    return loss;
  }

  /** Of the second class. */
  async #chance(input: Float32Array): Promise<Float32Array> {
    const probability = await this.#predictor.predict(input);
    return probability.subarray(probability.length / 2);
  }

  standing(): string {
    const [first] = Object.values(this.#dice);
    return first === undefined ? '' : `, Dice ${first.toFixed(3)} after a click`;
  }

  async measure(): Promise<Measured> {
    const { watched, side } = this.#setup;
    const sums = looked.map(() => 0);
    for (const each of watched) {
      throwIfCancelled(this.#hooks.cancellation);
      const dice = await this.#pointOut(each, side);
      looked.forEach((clicks, n) => (sums[n] = (sums[n] as number) + (dice[clicks - 1] ?? 1) / watched.length));
    }
    this.#dice = Object.fromEntries(looked.map((clicks, n) => [`after ${String(clicks)}`, sums[n] as number]));
    return { dice: this.#dice, collapsed: [] };
  }

  /** Dice after each click at the middle of the largest error. */
  async #pointOut({ values, truth }: PointedCase, side: number): Promise<number[]> {
    const grid = cubeGrid(side);
    const wanted: Structure = { grid, data: truth };
    const prompts: Prompt[] = [];
    const dice: number[] = [];
    let proposed: Structure = { grid, data: new Uint8Array(side ** 3) };
    while (dice.length < Math.max(...looked)) {
      const click = nextClick(wanted, proposed);
      if (click === null) break;
      const input = networkInput(values, grid, [...prompts, click], prompts.length === 0 ? null : proposed.data);
      prompts.push(click);
      proposed = { grid, data: await answered(input, (x) => this.#chance(x)) };
      dice.push(diceOf(wanted, proposed));
    }
    return dice;
  }

  finish(): Promise<Pick<PromptTrainingOutcome, 'weights' | 'dice'>> {
    return Promise.resolve({ weights: this.#average.weights, dice: this.#dice });
  }
}
