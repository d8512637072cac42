import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { slidingWindow } from '#main/inference/slidingWindow.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { variant } from '#main/model/variants.ts';
import type { Weights } from '#main/model/weights.ts';
import { rankCases, type Strategy } from '#main/ranking/rankCases.ts';
import { foregroundUncertainty } from '#main/ranking/uncertainty.ts';
import { CaseReader } from '#main/training/caseFile.ts';
import { writeFileAtomically } from '../atomicFile.ts';
import type { Task, TaskContext } from '../task.ts';
import { clusterScans, type PreparedScan } from './clusterScans.ts';
import { openLab, type Lab } from './experimentLab.ts';
import { summariseTrials, writeReport, type ArmSummary, type TrialRow } from './experimentReport.ts';
import { learnedProfiles } from './learned.ts';
import { loadModel } from './modelFolder.ts';
import { pretrainScans } from './pretrainScans.ts';
import { mirrorAxesFor } from './train.ts';

const positive = v.pipe(v.number(), v.gtValue(0));
const budget = v.union([v.object({ minutes: positive }), v.object({ steps: positive })]);
const configSchema = v.object({
  study: v.picklist(['pretraining', 'active', 'ablation']),
  dataset: v.string(),
  variant: v.optional(v.string(), 'small'),
  device: v.optional(v.string(), 'cpu'),
  threads: v.optional(v.number()),
  testCases: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 40),
  /** Labelled cases that train ("active": at the start). */
  labelled: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 5),
  seeds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 3),
  /** Of each training, the same in every arm. */
  budget,
  pretrainBudget: v.optional(budget),
  /** "active": cases added in a round, and rounds. */
  added: v.optional(v.number(), 2),
  rounds: v.optional(v.number(), 3),
});
export type ExperimentConfig = v.InferOutput<typeof configSchema>;

export interface ExperimentResult {
  readonly study: string;
  readonly report: string;
  readonly summary: readonly ArmSummary[];
}

type Context = TaskContext<ExperimentConfig>;

/** Reruns the paper's kind of tables on the person's own data; `outFolder` gets report.md, results.json and plot.svg, growing with each trial. */
export const experimentTask: Task<ExperimentConfig, ExperimentResult> = {
  kind: 'experiment',
  parse(config) {
    const parsed = v.safeParse(configSchema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', 'The settings of this experiment are not valid.', { detail: v.summarize(parsed.issues) });
    return parsed.output;
  },
  async run(context) {
    const lab = await openLab(context.config, context);
    try {
      const trials = await Trials.open(context, lab);
      await studies[context.config.study](context, lab, trials);
      return { study: context.config.study, report: join(context.outFolder, 'report.md'), summary: summariseTrials(trials.rows) };
    } finally {
      lab.close();
    }
  },
};

/** Finished trials, kept on disk: an interrupted experiment goes on with the first that is missing. */
class Trials {
  readonly rows: TrialRow[];
  readonly #context: Context;
  readonly #lab: Lab;

  private constructor(context: Context, lab: Lab, rows: TrialRow[]) {
    this.#context = context;
    this.#lab = lab;
    this.rows = rows;
  }

  static async open(context: Context, lab: Lab): Promise<Trials> {
    const text = await readFile(join(context.checkpointFolder, 'trials.json'), 'utf8').catch(() => '[]');
    return new Trials(context, lab, JSON.parse(text) as TrialRow[]);
  }

  has(arm: string, seed: number, labelled: number): boolean {
    return this.rows.some((row) => row.arm === arm && row.seed === seed && row.labelled === labelled);
  }

  async add(row: TrialRow): Promise<void> {
    this.rows.push(row);
    await writeFileAtomically(join(this.#context.checkpointFolder, 'trials.json'), JSON.stringify(this.rows));
    await writeReport(this.#context.outFolder, titles[this.#context.config.study], this.#description(), this.rows);
    this.#context.alarm('info', `${row.arm}, ${row.labelled} labelled, seed ${row.seed}: mean Dice ${row.meanDice.toFixed(4)} after ${row.steps} steps`);
  }

  #description(): string[] {
    const { config } = this.#context;
    const { plan, pool, test, unlabelled, executor } = this.#lab;
    const amount = (each: ExperimentConfig['budget']): string => ('minutes' in each ? `${each.minutes} minutes` : `${each.steps} steps`);
    return [
      `Data: ${pool.length + test.length} labelled cases, ${test.length} of them for testing only (the same in every trial), ${unlabelled.length} unlabelled. Labelled cases that train are drawn anew for each seed.`,
      `Each training: ${amount(config.budget)}, patch ${plan.patch.join('×')}, batch ${plan.batch}, network "${config.variant}", on ${executor.description}.${config.pretrainBudget === undefined ? '' : ` Pre-training: ${amount(config.pretrainBudget)}.`}`,
    ];
  }
}

const titles = {
  pretraining: 'With and without pre-training', active: 'Suggested against random cases', ablation: 'Networks at equal budgets',
} as const;

const studies: Readonly<Record<ExperimentConfig['study'], (context: Context, lab: Lab, trials: Trials) => Promise<void>>> = { pretraining: studyPretraining, active: studyActive, ablation: studyAblation };

/** The cases that train in a seed's trials. */
function drawn(lab: Lab, count: number, seed: number): PreparedScan[] {
  return new Random(1000 + seed).shuffle([...lab.pool]).slice(0, count);
}

function cardOf(lab: Lab, name: string): Omit<ModelCard, 'history' | 'datasetHash'> {
  const { architecture, labelSet, classToLabel, plan } = lab;
  return { format: 1, variant: name, architecture, labelSet, classToLabel, spacing: plan.spacing, intensity: plan.intensity, patch: plan.patch };
}

/** Scratch against pre-trained, pre-trained without masking, and with one clusterer, from the same few labels. */
async function studyPretraining(context: Context, lab: Lab, trials: Trials): Promise<void> {
  const { config } = context;
  const arms = [
    { arm: 'from scratch', settings: null },
    { arm: 'pre-trained', settings: {} },
    { arm: 'without masking', settings: { masking: null } },
    { arm: 'one clusterer', settings: { clusterers: 1 } },
  ] as const;
  for (let seed = 0; seed < config.seeds; seed++) {
    const cases = drawn(lab, config.labelled, seed);
    for (const { arm, settings } of arms) {
      if (trials.has(arm, seed, cases.length)) continue;
      const start = settings === null ? undefined : await backbone(context, lab, seed, arm, settings);
      const { weights: _weights, ...outcome } = await lab.trainAndTest({ architecture: lab.architecture, cases, budget: config.budget, seed, title: `${arm}, seed ${seed}`, ...(start && { start }) });
      await trials.add({ arm, seed, labelled: cases.length, ...outcome });
    }
  }
}

/** Pre-trained on everything but the test cases, without looking at any mask. */
async function backbone(context: Context, lab: Lab, seed: number, arm: string, settings: { readonly masking?: null; readonly clusterers?: number }): Promise<Weights> {
  const { config } = context;
  const learnedFolder = join(context.checkpointFolder, `learned-${arm.replaceAll(' ', '-')}-${seed}`);
  await mkdir(learnedFolder, { recursive: true });
  const { folder } = await pretrainScans({
    executor: lab.executor, card: cardOf(lab, config.variant), batch: lab.plan.batch, scans: [...lab.pool, ...lab.unlabelled], learnedFolder,
    budget: config.pretrainBudget ?? config.budget, seed, ...settings,
  }, { ...context, point: () => undefined });
  return (await loadModel(folder)).weights;
}

/** LoGoNet, its global branch alone, and a plain U-Net, with the same labels and budget. */
async function studyAblation(context: Context, lab: Lab, trials: Trials): Promise<void> {
  const { config } = context;
  const arms = [
    { arm: 'LoGoNet', architecture: lab.architecture },
    { arm: 'ULKANet', architecture: { ...lab.architecture, network: 'ulkanet' as const } },
    { arm: 'U-Net', architecture: variant('unet', lab.architecture.classes) },
  ];
  for (let seed = 0; seed < config.seeds; seed++) {
    const cases = drawn(lab, config.labelled, seed);
    for (const { arm, architecture } of arms) {
      if (trials.has(arm, seed, cases.length)) continue;
      const { weights: _weights, ...outcome } = await lab.trainAndTest({ architecture, cases, budget: config.budget, seed, title: `${arm}, seed ${seed}` });
      await trials.add({ arm, seed, labelled: cases.length, ...outcome });
    }
  }
}

/** From the same first cases, each strategy chooses what is labelled next; every round trains anew within the same budget. */
async function studyActive(context: Context, lab: Lab, trials: Trials): Promise<void> {
  const { config } = context;
  const learned = join(context.checkpointFolder, 'learned');
  await mkdir(learned, { recursive: true });
  await clusterScans(lab.executor, lab.pool, learned, { clusterers: 8, largestK: 500, seed: 0 }, context);
  const profiles = learnedProfiles(learned);
  for (let seed = 0; seed < config.seeds; seed++) for (const strategy of ['random', 'suggested', 'uncertainty', 'diversity'] as const) {
    let cases = drawn(lab, config.labelled, seed);
    for (let round = 0; round <= config.rounds; round++) {
      const saved = join(context.checkpointFolder, `chosen-${strategy}-${seed}-${cases.length + config.added}.json`);
      const chosen = await readFile(saved, 'utf8').then((text) => JSON.parse(text) as string[], () => undefined);
      if (!trials.has(strategy, seed, cases.length) || (chosen === undefined && round < config.rounds)) {
        const { weights, ...outcome } = await lab.trainAndTest({ architecture: lab.architecture, cases, budget: config.budget, seed, title: `${strategy}, ${cases.length} labelled, seed ${seed}` });
        if (!trials.has(strategy, seed, cases.length)) await trials.add({ arm: strategy, seed, labelled: cases.length, ...outcome });
        if (round < config.rounds) await writeFileAtomically(saved, JSON.stringify(await nextCases(context, lab, strategy, cases, weights, profiles, seed + round)));
      }
      if (round === config.rounds) break;
      const names = JSON.parse(await readFile(saved, 'utf8')) as string[];
      cases = [...cases, ...lab.pool.filter(({ id }) => names.includes(id))];
    }
  }
}

async function nextCases(
  context: Context, lab: Lab, strategy: Strategy, accepted: readonly PreparedScan[], weights: Weights, profiles: ReturnType<typeof learnedProfiles>, seed: number,
): Promise<string[]> {
  const open = lab.pool.filter(({ id }) => !accepted.some((each) => each.id === id));
  const uncertainties = strategy === 'suggested' || strategy === 'uncertainty' ? await uncertaintyOf(context, lab, open, weights) : new Map<string, number>();
  const ranked = rankCases({
    candidates: open.map(({ id }) => ({ id, uncertainty: uncertainties.get(id) ?? null, profile: profiles.get(id) ?? null })),
    accepted: accepted.flatMap(({ id }) => profiles.get(id) ?? []), strategy, seed,
  });
  return ranked.slice(0, context.config.added).map(({ id }) => id);
}

async function uncertaintyOf(context: Context, lab: Lab, cases: readonly PreparedScan[], weights: Weights): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const predictor = await NetworkPredictor.create(lab.executor, lab.architecture, lab.plan.patch, weights);
  try {
    for (const { id, file } of cases) {
      const reader = new CaseReader(file);
      const { size, scale, offset } = reader.header;
      const image = Float32Array.from(reader.image({ low: [0, 0, 0], size }), (stored) => stored * scale + offset);
      reader.close();
      const { classes, uncertainty } = await slidingWindow(image, size, predictor, { overlap: 0.25, mirrorAxes: mirrorAxesFor(lab.labelSet), uncertainty: true, cancellation: context.cancellation, turn: context.turn });
      if (uncertainty !== undefined) found.set(id, foregroundUncertainty(classes, uncertainty));
    }
    return found;
  } finally {
    predictor.dispose();
  }
}
