import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { compareModels, type CaseMetrics } from '#shared/domain/comparison.ts';
import type { Comparison, ImprovePlan } from '#shared/domain/job.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { forLabels } from '#main/model/weights.ts';
import { planImprove, scheduleImprove, shareMinutes, type ImproveRequest, type ImproveSchedule } from '../improvePlan.ts';
import type { Task, TaskContext } from '../task.ts';
import { prepareScans } from './clusterScans.ts';
import { backboneFolder, readPretrained } from './learned.ts';
import { measureModel, type MeasuredCase } from './measureModel.ts';
import { loadModel } from './modelFolder.ts';
import { openExecutor } from './openExecutor.ts';
import { pretrainScans } from './pretrainScans.ts';
import { secondLooks, type SecondLook } from './secondLook.ts';
import { prepare, readPreparation, trainTask, type TrainTaskConfig } from './train.ts';

const path = v.union([v.string(), v.array(v.string())]);
const configSchema = v.object({
  /** All cases but the excluded ones. `mask`: accepted. Held-out ones never train, not even without their mask. */
  cases: v.array(v.object({ id: v.string(), name: v.string(), image: path, contentHash: v.optional(v.string()), mask: v.nullable(path), heldOut: v.boolean() })),
  labelSet: v.object({ labels: v.array(v.object({ value: v.number(), name: v.string(), color: v.string(), locked: v.boolean() })) }),
  budget: v.union([
    v.object({ minutes: v.pipe(v.number(), v.gtValue(0)) }),
    v.object({ steps: v.object({ pretrain: v.number(), train: v.number() }) }),
  ]),
  device: v.optional(v.string(), 'cpu'),
  threads: v.optional(v.number()),
  seed: v.optional(v.number(), 0),
  current: v.nullable(v.object({ modelId: v.string(), folder: v.string() })),
  modelId: v.string(),
  /** Where the new model goes. */
  modelFolder: v.string(),
  /** What was learned without labels, kept between jobs. */
  learnedFolder: v.string(),
  /** Dice that a label may lose. */
  margin: v.optional(v.number(), 0.02),
  variant: v.optional(v.string()),
  memoryBudgetBytes: v.optional(v.number()),
});
export type ImproveConfigInput = v.InferInput<typeof configSchema>;
export type ImproveConfig = v.InferOutput<typeof configSchema>;

export interface ImproveResult {
  readonly modelId: string;
  readonly modelFolder: string;
  readonly weightsHash: string;
  readonly plan: ImprovePlan;
  readonly comparison: Comparison;
  /** The new model on the held-out cases. */
  readonly metrics: readonly { readonly caseId: string; readonly label: number; readonly dice: number | null; readonly hd95: number | null; readonly volumeError: number | null }[];
  readonly trainingCases: number;
  readonly steps: number;
  readonly secondLook: readonly SecondLook[];
}

/** What the first attempt decided and later ones keep. */
interface Decision {
  readonly plan: ImprovePlan;
  readonly schedule: ImproveSchedule;
}

type Context = TaskContext<ImproveConfig>;

/** One press of the button: plan, cluster and pre-train where that pays, fine-tune, compare on held-out cases. Never promotes. */
export const improveTask: Task<ImproveConfig, ImproveResult> = {
  kind: 'improve',
  parse(config) {
    const parsed = v.safeParse(configSchema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', 'The settings of this improvement are not valid.', { detail: v.summarize(parsed.issues) });
    return parsed.output;
  },
  run: improve,
};

async function improve(context: Context): Promise<ImproveResult> {
  const { config } = context;
  const finished = await readFile(join(context.checkpointFolder, 'finished.json'), 'utf8').catch(() => undefined);
  if (finished !== undefined) return { ...JSON.parse(finished) as ImproveResult, modelFolder: config.modelFolder };
  const executor = await openExecutor(config.device, { threads: config.threads });
  try {
    const decision = await decide(context, executor);
    const { schedule, plan } = decision;
    const [cluster, train, compare] = shares(schedule);
    const trainFolder = join(context.checkpointFolder, 'train');
    await mkdir(trainFolder, { recursive: true });
    const trainConfig = makeTrainConfig(config, schedule);
    const preparation = (await readPreparation(trainFolder)) ?? await prepare(
      { config: trainConfig, checkpointFolder: trainFolder, alarm: context.alarm, cancellation: context.cancellation, report: within(context, 0, 0) },
      executor, config.current === null ? undefined : (await loadModel(config.current.folder)).card,
    );
    const learned = schedule.pretrain && await learnWithoutLabels(context, executor, preparation, schedule, cluster);
    const result = await trainTask.run({
      ...context, config: trainConfig, checkpointFolder: trainFolder, outFolder: config.modelFolder,
      crashes: learned ? 0 : context.crashes, // of attempts that did not get as far as the training
      report: within(context, cluster, cluster + train, 'minutes' in config.budget ? schedule.minutes.compare : undefined),
    });
    const outcome = await compareWithCurrent(context, executor, cluster + train, compare);
    const whole: ImproveResult = {
      modelId: config.modelId, modelFolder: config.modelFolder, weightsHash: (await loadModel(config.modelFolder)).weightsHash, plan, ...outcome,
      trainingCases: result.trainingCases, steps: result.steps,
    };
    // Before the prepared cases go: a crash from here on finds the result instead of missing them. The model's folder may be moved until then.
    await writeFileAtomically(join(context.checkpointFolder, 'finished.json'), JSON.stringify({ ...whole, modelFolder: undefined }));
    await rm(trainFolder, { recursive: true, force: true });
    return whole;
  } finally {
    executor.dispose();
  }
}

/** As it was decided at the first attempt: what was learned meanwhile must not change the way. Throws `conflict` with the first obstacle. */
async function decide({ config, checkpointFolder }: Context, executor: Executor): Promise<Decision> {
  const file = join(checkpointFolder, 'decision.json');
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before !== undefined) return JSON.parse(before) as Decision;
  const accepted = config.cases.filter(({ mask }) => mask !== null);
  const request: ImproveRequest = {
    minutes: 'minutes' in config.budget ? config.budget.minutes : 60, device: executor.description,
    trainingCases: accepted.filter(({ heldOut }) => !heldOut).length, validationCases: accepted.filter(({ heldOut }) => heldOut).length,
    unlabelledCases: config.cases.filter(({ mask, heldOut }) => mask === null && !heldOut).length,
    current: config.current === null ? null : { name: 'the model in use' },
    pretrainedCases: readPretrained(config.learnedFolder)?.cases.length ?? 0, memoryBytes: null,
  };
  const plan = planImprove(request);
  if (plan.obstacles[0] !== undefined) throw new StudioError('conflict', plan.obstacles[0]);
  let schedule = scheduleImprove(request);
  if ('steps' in config.budget) {
    const wanted = config.budget.steps.pretrain > 0;
    schedule = { pretrain: wanted, startsFrom: wanted ? 'backbone' : config.current === null ? 'nothing' : 'current', minutes: shareMinutes(request.minutes, wanted) };
  }
  const decision: Decision = { plan, schedule };
  await writeFileAtomically(file, JSON.stringify(decision));
  return decision;
}

/** Parts of the job's progress: learning without labels, fine-tuning, comparing. */
function shares({ minutes }: ImproveSchedule): [number, number, number] {
  const all = minutes.cluster + minutes.pretrain + minutes.train + minutes.compare;
  return [(minutes.cluster + minutes.pretrain) / all, minutes.train / all, minutes.compare / all];
}

/** Progress of a part as progress of the whole; `after`: minutes of what follows it. */
function within({ report }: Pick<Context, 'report'>, from: number, to: number, after?: number): Context['report'] {
  return ({ phase, fraction, detail, remainingSeconds }) => {
    const known = after !== undefined && remainingSeconds !== undefined;
    report({ phase, fraction: from + (to - from) * fraction, ...(detail !== undefined && { detail }), ...(known && { remainingSeconds: remainingSeconds + 60 * after }) });
  };
}

function makeTrainConfig(config: ImproveConfig, schedule: ImproveSchedule): TrainTaskConfig {
  const accepted = config.cases.flatMap(({ id, image, mask }) => (mask === null ? [] : [{ name: id, image, labels: mask }]));
  const from = { current: config.current?.folder, backbone: backboneFolder(config.learnedFolder), nothing: undefined }[schedule.startsFrom];
  return trainTask.parse({
    cases: accepted, labelSet: config.labelSet, validation: config.cases.filter(({ heldOut }) => heldOut).map(({ id }) => id),
    budget: 'steps' in config.budget ? { steps: config.budget.steps.train } : { minutes: schedule.minutes.train },
    // The held-out cases judge: they may be watched, but must not choose the weights.
    keep: 'last', seed: config.seed, device: config.device, threads: config.threads, from, variant: config.variant, memoryBudgetBytes: config.memoryBudgetBytes,
  });
}

/** Whether there was anything to do: false where an earlier attempt, or job, has done it. */
async function learnWithoutLabels(
  context: Context, executor: Executor, preparation: Awaited<ReturnType<typeof prepare>>, schedule: ImproveSchedule, share: number,
): Promise<boolean> {
  const { config } = context;
  const { plan, architecture, labelSet, classToLabel, variant } = preparation;
  await mkdir(config.learnedFolder, { recursive: true });
  const quiet = { ...context, point: () => undefined }; // its loss is of another kind than the fine-tuning's curve
  const scans = config.cases.filter(({ heldOut }) => !heldOut);
  const { prepared } = await prepareScans(scans, config.learnedFolder, plan, { ...quiet, report: within(context, 0, share * 0.1) });
  const current = config.current === null ? undefined : await loadModel(config.current.folder);
  const { fresh } = await pretrainScans({
    executor, batch: plan.batch, scans: prepared, learnedFolder: config.learnedFolder, seed: config.seed,
    card: { format: 1, variant, architecture, labelSet, classToLabel, spacing: plan.spacing, intensity: plan.intensity, patch: plan.patch },
    budget: 'steps' in config.budget ? { steps: config.budget.steps.pretrain } : { minutes: schedule.minutes.pretrain },
    memoryBudgetBytes: config.memoryBudgetBytes,
    ...(current && { start: forLabels(current.weights, current.card.classToLabel, classToLabel) }),
  }, { ...quiet, report: within(context, share * 0.1, share, 'minutes' in config.budget ? schedule.minutes.train + schedule.minutes.compare : undefined) });
  return fresh;
}

async function compareWithCurrent(
  context: Context, executor: Executor, from: number, share: number,
): Promise<Pick<ImproveResult, 'comparison' | 'metrics' | 'secondLook'>> {
  const { config } = context;
  const values = config.labelSet.labels.map(({ value }) => value);
  const labelNames = new Map(config.labelSet.labels.map(({ value, name }) => [value, name]));
  const measured = config.cases.flatMap(({ id, name, image, mask, heldOut }) => (mask === null ? [] : [{ id, name, image, mask, heldOut }]));
  const heldOut = measured.filter((each) => each.heldOut);
  const measure = (folder: string, cases: readonly MeasuredCase[], phase: string, part: number, distances: boolean): Promise<CaseMetrics[]> =>
    measureModel(executor, folder, cases, values, { phase, distances }, { ...context, report: within(context, from + share * part, from + share * (part + 1 / 3)) });
  const before = config.current === null ? null : await measure(config.current.folder, heldOut, 'Measuring the model in use', 0, true);
  const after = await measure(config.modelFolder, heldOut, 'Measuring the new model', 1 / 3, true);
  const comparison = compareModels({
    beforeModelId: config.current?.modelId ?? null, afterModelId: config.modelId, before, after, labelNames, margin: config.margin, seed: config.seed,
  });
  const training = measured.filter((each) => !each.heldOut);
  const secondLook = secondLooks(await measure(config.modelFolder, training.slice(-MOST_LOOKS), 'Looking for doubtful masks', 2 / 3, false), labelNames);
  for (const { caseId, reason } of secondLook) context.alarm('warning', `${training.find(({ id }) => id === caseId)?.name ?? caseId}: ${reason}`);
  return {
    comparison, secondLook,
    metrics: after.flatMap(({ caseId, metrics }) => metrics.map(({ label, dice, hd95, volumeError }) => ({ caseId, label, dice, hd95, volumeError }))),
  };
}

/** No more training cases than this (the newest) are checked against what was learned. */
const MOST_LOOKS = 60;
