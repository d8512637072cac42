import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { compareModels, type CaseMetrics } from '#shared/domain/comparison.ts';
import { expected } from '#shared/domain/image.ts';
import { lackingText } from '#shared/domain/trainingCase.ts';
import { goesOn } from '#shared/domain/goesOn.ts';
import { splitIgnored } from '#shared/domain/labelSet.ts';
import { regionsOf } from '#shared/domain/regions.ts';
import type { ImprovePlan } from '#shared/domain/job.ts';
import { imagesOf } from '#main/imageio/readCaseImages.ts';
import { channelsOfModel } from '#main/inference/scanPredictor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { forLabels } from '#main/model/weights.ts';
import { planImprove, scheduleImprove, shareMinutes, type ImproveRequest, type ImproveSchedule } from '../improvePlan.ts';
import type { Task, TaskContext } from '../task.ts';
import { cardOf } from '#main/training/trainingPlan.ts';
import { prepareScans } from '#main/training/preparation/scans.ts';
import { backboneFolder, readPretrained } from '#main/training/pretrained/pretrained.ts';
import { measureModel, type MeasuredCase } from '#main/inference/cases/measureModel.ts';
import { lackedBy } from '#main/inference/cases/modelImages.ts';
import { loadAnyModel, loadModel, loadNetwork } from '#main/model/modelFolder.ts';
import { isImportedNetwork } from '#main/model/networkConfig.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { pretrainScans } from '#main/training/pretrained/pretrainScans.ts';
import { suspectMasks } from '#main/ranking/suspectMasks.ts';
import { prepare, readPreparation, type Preparation } from '#main/training/preparation/prepare.ts';
import { improveRequest, type ImproveConfig, type ImproveResult } from '../requests/improve.ts';
import { trainRequest, type TrainTaskConfig } from '../requests/train.ts';
import { trainTask } from './train.ts';

/** What the first attempt decided and later ones keep. */
interface Decision {
  readonly plan: ImprovePlan;
  readonly schedule: ImproveSchedule;
}

type Context = TaskContext<ImproveConfig>;

/** One press of the button: plan, cluster and pre-train where that pays, fine-tune, compare on held-out cases. Never promotes. */
export const improveTask: Task<ImproveConfig, ImproveResult> = {
  kind: 'improve',
  parse: improveRequest.parse,
  run: improve,
};

async function improve(context: Context): Promise<ImproveResult> {
  const { config } = context;
  const finished = await readFile(join(context.checkpointFolder, 'finished.json'), 'utf8').catch(() => undefined);
  if (finished !== undefined) return { ...(JSON.parse(finished) as ImproveResult), modelFolder: config.modelFolder };
  const current = config.current === null ? null : await lookAtCurrent(config.current.folder, config);
  // What takes other images, or is of another kind than what is asked for, is compared with, and nothing begins from it.
  const trained: Context = current?.anew === true ? { ...context, config: { ...config, current: null } } : context;
  return withExecutor({ ...config, alarm: context.alarm }, async (executor) => {
    const decision = await decide(context, executor, current);
    const { schedule, plan } = decision;
    const [cluster, train, compare] = shares(schedule);
    const trainFolder = join(context.checkpointFolder, 'train');
    makeFolderBelow(context.checkpointFolder, trainFolder);
    const trainConfig = makeTrainConfig(trained.config, schedule, await networkOf(trained.config, schedule));
    const preparation =
      (await readPreparation(trainFolder)) ??
      (await prepare(
        executor,
        trainConfig,
        trainFolder,
        trained.config.current === null ? undefined : (await loadNetwork(trained.config.current.folder)).card,
        { ...context, report: within(context, 0, 0) },
      ));
    const pretrained = schedule.pretrain && (await pretrainOnScans(trained, executor, preparation, schedule, cluster));
    const result = await trainTask.run({
      ...context,
      config: trainConfig,
      checkpointFolder: trainFolder,
      outFolder: config.modelFolder,
      crashes: pretrained ? 0 : context.crashes, // of attempts that did not get as far as the training
      report: within(context, cluster, cluster + train, 'minutes' in config.budget ? schedule.minutes.compare : undefined),
    });
    const outcome = await compareWithCurrent(context, executor, cluster + train, compare);
    const whole: ImproveResult = {
      modelId: config.modelId,
      modelFolder: config.modelFolder,
      weightsHash: (await loadAnyModel(config.modelFolder)).weightsHash,
      plan,
      ...outcome,
      trainingCases: result.trainingCases,
      steps: result.steps,
    };
    // Before the prepared cases go: a crash from here on finds the result instead of missing them. The model's folder may be moved until then.
    await writeFileAtomically(join(context.checkpointFolder, 'finished.json'), JSON.stringify({ ...whole, modelFolder: undefined }));
    await rm(trainFolder, { recursive: true, force: true });
    return whole;
  });
}

async function lookAtCurrent(folder: string, asked: Pick<ImproveConfig, 'channels' | 'variant'>): Promise<ImproveRequest['current']> {
  const { card } = await loadAnyModel(folder);
  return { name: 'the model in use', imported: card.format === 2, anew: !goesOn(card, asked) };
}

/** As it was decided at the first attempt: what was pre-trained meanwhile must not change the way. Throws `conflict` with the first obstacle. */
async function decide({ config, checkpointFolder }: Context, executor: Executor, current: ImproveRequest['current']): Promise<Decision> {
  const file = join(checkpointFolder, 'decision.json');
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before !== undefined) return JSON.parse(before) as Decision;
  const accepted = config.cases.filter(({ mask }) => mask !== null);
  const request: ImproveRequest = {
    minutes: 'minutes' in config.budget ? config.budget.minutes : 60,
    device: executor.description,
    trainingCases: accepted.filter(({ heldOut }) => !heldOut).length,
    validationCases: accepted.filter(({ heldOut }) => heldOut).length,
    unlabelledCases: config.cases.filter(({ mask, heldOut }) => mask === null && !heldOut).length,
    current,
    pretrainedCases: readPretrained(config.learnedFolder)?.cases.length ?? 0,
    memoryBytes: null,
  };
  const plan = planImprove(request);
  if (plan.obstacles[0] !== undefined) throw new StudioError('conflict', plan.obstacles[0]);
  let schedule = scheduleImprove(request);
  if ('steps' in config.budget) {
    const wanted = config.budget.steps.pretrain > 0;
    schedule = {
      pretrain: wanted,
      startsFrom: wanted ? 'backbone' : current === null || current.anew === true ? 'nothing' : 'current',
      minutes: shareMinutes(request.minutes, wanted),
    };
  }
  const decision: Decision = { plan, schedule };
  await writeFileAtomically(file, JSON.stringify(decision));
  return decision;
}

/** Parts of the job's progress: pre-training, fine-tuning, comparing. */
function shares({ minutes }: ImproveSchedule): [number, number, number] {
  const all = minutes.cluster + minutes.pretrain + minutes.train + minutes.compare;
  return [(minutes.cluster + minutes.pretrain) / all, minutes.train / all, minutes.compare / all];
}

/** Progress of a part as progress of the whole; `after`: minutes of what follows it. */
function within({ report }: Pick<Context, 'report'>, from: number, to: number, after?: number): Context['report'] {
  return ({ phase, fraction, detail, remainingSeconds }) => {
    const known = after !== undefined && remainingSeconds !== undefined;
    report({
      phase,
      fraction: from + (to - from) * fraction,
      ...(detail !== undefined && { detail }),
      ...(known && { remainingSeconds: remainingSeconds + 60 * after }),
    });
  };
}

/** The network's variant: the one that was asked for, else that of a backbone from before; undefined where it is free. */
async function networkOf({ variant, current, learnedFolder }: ImproveConfig, schedule: ImproveSchedule): Promise<string | undefined> {
  if (variant !== undefined || current !== null || schedule.pretrain || schedule.startsFrom !== 'backbone') return variant;
  return (await loadModel(backboneFolder(learnedFolder))).card.variant;
}

function makeTrainConfig(config: ImproveConfig, schedule: ImproveSchedule, variant: string | undefined): TrainTaskConfig {
  const accepted = config.cases.flatMap((each) =>
    each.mask === null ? [] : [{ name: each.id, image: each.image, channels: each.channels, labels: each.mask, ...expected(each) }],
  );
  const from = { current: config.current?.folder, backbone: backboneFolder(config.learnedFolder), nothing: undefined }[schedule.startsFrom];
  return trainRequest.parse({
    cases: accepted,
    labelSet: config.labelSet,
    channels: config.channels,
    missingChannels: config.missingChannels,
    validation: config.cases.filter(({ heldOut }) => heldOut).map(({ id }) => id),
    budget: 'steps' in config.budget ? { steps: config.budget.steps.train } : { minutes: schedule.minutes.train },
    // The held-out cases judge: they may be watched, but must not choose the weights.
    keep: 'last',
    interpolate: schedule.startsFrom === 'current',
    // Only an earlier version can have written another run's checkpoint into a job's own folder.
    otherRun: 'beginAgain',
    seed: config.seed,
    device: config.device,
    threads: config.threads,
    from,
    variant,
    memoryBudgetBytes: config.memoryBudgetBytes,
  });
}

/** Whether there was anything to do: false where an earlier attempt, or job, has done it. */
async function pretrainOnScans(
  context: Context,
  executor: Executor,
  preparation: Preparation,
  schedule: ImproveSchedule,
  share: number,
): Promise<boolean> {
  const { config } = context;
  const { plan, architecture, labelSet, classToLabel, variant } = preparation;
  if (isImportedNetwork(architecture)) throw new StudioError('unsupported', 'An imported network is not pre-trained here.');
  makeFolderBelow(dirname(config.learnedFolder), config.learnedFolder);
  const quiet = { ...context, point: () => undefined }; // its loss is of another kind than the fine-tuning's curve
  const scans = config.cases.filter(({ heldOut }) => !heldOut);
  const { prepared } = await prepareScans(scans, config.learnedFolder, plan, { ...quiet, report: within(context, 0, share * 0.1) });
  const current = config.current === null ? undefined : await loadModel(config.current.folder);
  const { fresh } = await pretrainScans(
    {
      executor,
      batch: plan.batch,
      scans: prepared,
      pretrainedFolder: config.learnedFolder,
      seed: config.seed,
      card: cardOf({ variant, architecture, labelSet, classToLabel }, plan),
      budget: 'steps' in config.budget ? { steps: config.budget.steps.pretrain } : { minutes: schedule.minutes.pretrain },
      memoryBudgetBytes: config.memoryBudgetBytes,
      ...(current && { start: forLabels(current.weights, current.card.classToLabel, classToLabel) }),
    },
    {
      ...quiet,
      report: within(
        context,
        share * 0.1,
        share,
        'minutes' in config.budget ? schedule.minutes.train + schedule.minutes.compare : undefined,
      ),
    },
  );
  return fresh;
}

async function compareWithCurrent(
  context: Context,
  executor: Executor,
  from: number,
  share: number,
): Promise<Pick<ImproveResult, 'comparison' | 'metrics' | 'suspectMasks'>> {
  const { config } = context;
  const { labelSet, ignore } = splitIgnored(config.labelSet);
  const values = labelSet.labels.map(({ value }) => value);
  const labelNames = new Map(config.labelSet.labels.map(({ value, name }) => [value, name]));
  const measured = config.cases.flatMap(({ id, name, image, channels, mask, heldOut, ...rest }) =>
    mask === null ? [] : [{ id, name, image, channels, mask, heldOut, ...expected(rest) }],
  );
  const heldOut = await comparable(
    context,
    measured.filter((each) => each.heldOut),
  );
  const measure = (
    folder: string,
    cases: readonly MeasuredCase[],
    phase: string,
    part: number,
    distances: boolean,
  ): Promise<CaseMetrics[]> =>
    measureModel(
      executor,
      folder,
      cases,
      values,
      { phase, distances, ignore, regions: regionsOf(labelSet) },
      { ...context, report: within(context, from + share * part, from + share * (part + 1 / 3)) },
    );
  const before = config.current === null ? null : await measure(config.current.folder, heldOut, 'Measuring the model in use', 0, true);
  const after = await measure(config.modelFolder, heldOut, 'Measuring the new model', 1 / 3, true);
  const comparison = compareModels({
    beforeModelId: config.current?.modelId ?? null,
    afterModelId: config.modelId,
    before,
    after,
    labelNames,
    margin: config.margin,
    seed: config.seed,
  });
  const own = channelsOfModel(await loadAnyModel(config.modelFolder));
  const training = measured.filter((each) => !each.heldOut && lackedBy(each, own).length === 0);
  const suspects = suspectMasks(
    await measure(config.modelFolder, training.slice(-MOST_LOOKS), 'Looking for doubtful masks', 2 / 3, false),
    labelNames,
  );
  for (const { caseId, reason } of suspects)
    context.alarm('warning', `${training.find(({ id }) => id === caseId)?.name ?? caseId}: ${reason}`);
  return {
    comparison,
    suspectMasks: suspects,
    metrics: after.flatMap(({ caseId, metrics }) =>
      metrics.map(({ label, dice, hd95, volumeError }) => ({ caseId, label, dice, hd95, volumeError })),
    ),
  };
}

/** Those that have what both models take; the others are named. */
async function comparable({ config, alarm }: Context, heldOut: readonly MeasuredCase[]): Promise<MeasuredCase[]> {
  const folders = [config.modelFolder, ...(config.current === null ? [] : [config.current.folder])];
  const models = await Promise.all(folders.map(async (folder) => channelsOfModel(await loadAnyModel(folder))));
  return heldOut.filter((each) => {
    const lacking = [...new Set(models.flatMap((channels) => lackedBy(each, channels)))];
    if (lacking.length > 0) alarm('warning', `${each.name} does not measure: ${lackingText(imagesOf(each), lacking)}.`);
    return lacking.length === 0;
  });
}

/** No more training cases than this (the newest) are checked against what was learned. */
const MOST_LOOKS = 60;
