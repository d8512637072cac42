/** Small trainings of every kind, on one thread of the CPU engine: what the one loop promises is tested over all of them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { Augmentation, Recipe } from '#shared/domain/trainConfig.ts';
import type { Work } from '#shared/domain/work.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { Weights } from '#main/model/weights.ts';
import { encodeCase } from '#main/training/patches/caseFile.ts';
import type { CheckpointStore } from '#main/training/checkpoint.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import { pretrain } from '#main/training/pretrain.ts';
import type { TrainingHooks } from '#main/training/strategy.ts';
import { generatedVolume } from '#main/training/prompts/generatedVolume.ts';
import { trainPrompts } from '#main/training/prompts/promptTraining.ts';
import { train, type TrainingSetup } from '#main/training/train.ts';

/** A U-Net of a few thousand parameters: the loop is tested, not the network. */
export const smallest: ArchitectureConfig = {
  network: 'unet',
  dims: [2, 4, 4],
  depths: [1, 1, 1],
  mlpRatios: [1, 1, 1],
  inChannels: 1,
  features: 4,
  classes: 2,
  localStages: 2,
  split: 2,
};

const augmentation: Augmentation = {
  rotation: 12,
  scale: 1.15,
  elastic: 0.7,
  spatialShare: 0.6,
  shift: 4,
  gain: 1.3,
  offset: 0.2,
  gamma: 1.3,
  noise: 0.1,
  mirror: true,
};

/** Written out, so that the pins do not follow the recipes. */
const recipe: Recipe = {
  learningRate: 4e-3,
  warmUp: 0.03,
  weightDecay: 0.01,
  maximumNorm: 1,
  diceWeight: 1,
  crossEntropyWeight: 1,
  foregroundShare: 0.5,
  averageSteps: 8,
  augmentation,
};

const size: Triple = [20, 18, 14];

/** Cases of a bright box in noise, as files `1.case`, `2.case`, … */
export function boxCases(folder: string, count: number): string[] {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    const random = new Random(number);
    const inside = (at: number): boolean => {
      const [i, j, k] = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
      return i > 4 + number && i < 12 + number && j > 5 && j < 13 && k > 3 && k < 11;
    };
    const voxels = size[0] * size[1] * size[2];
    const image = Float32Array.from({ length: voxels }, (_, at) => (inside(at) ? 1 : -0.3) + 0.3 * (random.next() - 0.5));
    const classes = Uint8Array.from({ length: voxels }, (_, at) => (inside(at) ? 1 : 0));
    const path = join(folder, `${number}.case`);
    writeFileSync(path, encodeCase(`case ${number}`, size, [1, 1, 2], image, classes));
    return path;
  });
}

export class MemoryStore implements CheckpointStore {
  readonly files = new Map<string, Uint8Array>();
  saves = 0;
  failFrom = Infinity;

  load(name: 'checkpoint' | 'best'): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.files.get(name));
  }

  save(name: 'checkpoint' | 'best', bytes: Uint8Array): Promise<void> {
    if (++this.saves >= this.failFrom) return Promise.reject(new StudioError('disk-full', 'The disk is full.'));
    this.files.set(name, bytes);
    return Promise.resolve();
  }
}

/** What whoever runs work sees of it. */
export type SeenHooks = Work & { readonly alarms: string[]; readonly points: CurvePoint[] };

export function seenHooks(more: Partial<TrainingHooks> = {}): SeenHooks {
  const alarms: string[] = [];
  const points: CurvePoint[] = [];
  return {
    alarms,
    points,
    report: () => undefined,
    point: (point) => points.push(point),
    alarm: (_severity, message) => alarms.push(message),
    cancellation: neverCancelled,
    turn: () => Promise.resolve(),
    crashes: 0,
    ...more,
  };
}

/** Hooks that cancel after a number of steps. */
export function cancelledAfter(steps: number): SeenHooks {
  const cancellation = { aborted: false };
  let turns = 0;
  return seenHooks({
    cancellation,
    turn: () => {
      if (++turns === steps) cancellation.aborted = true;
      return Promise.resolve();
    },
  });
}

export interface SmallRun {
  readonly executor: Executor;
  readonly store: CheckpointStore;
  readonly cases: readonly string[];
  readonly steps: number;
  readonly seed?: number;
  readonly learningRate?: number;
  /** Seconds between two checkpoints; 0 (unless given): after every step. */
  readonly checkpointSeconds?: number;
}

export interface SmallOutcome {
  readonly steps: number;
  readonly weights: Weights;
}

function segmentation(run: SmallRun, more: Pick<TrainingSetup, 'trainingCases' | 'unlabelledCases'>): TrainingSetup {
  const { executor, store, steps, seed = 1, learningRate = recipe.learningRate, checkpointSeconds = 0 } = run;
  return {
    executor,
    store,
    architecture: smallest,
    plan: { spacing: [1, 1, 2], intensity: { kind: 'window', low: 0, high: 1 }, patch: [16, 16, 16], batch: 2 },
    recipe: { ...recipe, learningRate },
    budget: { steps },
    seed,
    validationCases: [],
    classes: [{ name: 'box', trainingCases: more.trainingCases.length }],
    mirrorAxes: [0],
    checkpointSeconds,
    ...more,
  };
}

/** Each kind of training, on the same cases. */
export const trainings: Readonly<Record<string, (run: SmallRun, hooks: TrainingHooks) => Promise<SmallOutcome>>> = {
  supervised: (run, hooks) => train(segmentation(run, { trainingCases: run.cases }), hooks),
  consistency: (run, hooks) =>
    train(segmentation(run, { trainingCases: run.cases.slice(0, 1), unlabelledCases: run.cases.slice(1) }), hooks),
  'pre-training': async ({ executor, store, cases, steps, seed = 1, learningRate = 1e-3, checkpointSeconds = 0 }, hooks) => {
    const random = new Random(7);
    const outcome = await pretrain(
      {
        executor,
        store,
        architecture: smallest,
        patch: [16, 16, 16],
        batch: 2,
        clusterers: 2,
        clusters: 3,
        cases: cases.map((file) => ({ file, pseudo: Uint16Array.from({ length: size[0] * 2 }, () => random.integer(3)) })),
        budget: { steps },
        seed,
        peakRate: learningRate,
        checkpointSeconds,
      },
      hooks,
    );
    return { steps: outcome.steps, weights: outcome.backbone };
  },
  prompts: ({ executor, store, steps, seed = 1, learningRate = 4e-3, checkpointSeconds = 0 }, hooks) =>
    trainPrompts(
      {
        executor,
        store,
        architecture: { ...smallest, inChannels: promptChannels.length },
        side: 16,
        batch: 1,
        cases: (draw) => generatedVolume(draw, 16),
        casesName: 'generated',
        watched: [generatedVolume(1000, 16)],
        budget: { steps },
        seed,
        learningRate,
        checkpointSeconds,
      },
      hooks,
    ),
};
