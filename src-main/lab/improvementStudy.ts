import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { silentLog } from '#shared/base/log.ts';
import { makePhantom, phantomLabelSet } from '#shared/domain/phantom.ts';
import { bootstrapMean, type CaseMetrics } from '#shared/domain/comparison.ts';
import { openExecutor } from '#main/engine/devices/openExecutor.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { alarmOf, contextHere, type Caller } from '#main/jobs/run.ts';
import { measureModel, type MeasuredCase } from '#main/inference/cases/measureModel.ts';
import { listModels } from '#main/library/index.ts';
import { appFolders } from '#main/project/appFolders.ts';
import { importModel } from '#main/project/importModel.ts';
import { startImprovement } from '#main/project/improvement.ts';
import { finished } from '#main/project/predictions.ts';
import { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import { Workbench } from '#main/project/workbench.ts';
import { budgetText, intervalText, writeReport, type Report } from './experimentReport.ts';
import { meanOf, spread } from './experimentPlot.ts';
import { keepSettings } from './experimentTrials.ts';

const shippedModel = join(import.meta.dirname, '..', '..', 'resources', 'models', 'phantom');
/** Phantoms of no project and of no model's training, which measure; those of a project begin at 20,000 and a hundred for each seed. */
const testSeed = 30_001;
const projectSeed = 20_001;
/** As the demo project has them. */
const scansOfProject = 10;
/** What an improvement may cost and still count as harmless, in Dice. */
export const harmless = 0.005;

export interface ImprovementStudy {
  readonly outFolder: string;
  readonly seeds: number;
  /** Accepted cases of a project; each number is an improvement of its own. */
  readonly accepted: readonly number[];
  readonly testCases: number;
  /** Millimetres of a phantom's voxels, about. */
  readonly resolution: number;
  /** Of each improvement. */
  readonly budget: { readonly minutes: number } | { readonly steps: number };
  readonly device: string;
  readonly threads?: number | undefined;
  /** Minutes after which no further improvement begins. */
  readonly within?: number | undefined;
}

export interface ImprovementRow {
  readonly seed: number;
  readonly accepted: number;
  /** Mean Dice on the phantoms that measure: of the shipped model and of the improved one. */
  readonly before: number;
  readonly after: number;
  /** Difference of each phantom, mean over labels. */
  readonly differences: readonly number[];
  readonly steps: number;
  /** What the improvement said of itself. */
  readonly verdict: string;
  readonly note: string;
}

export interface ImprovementSummary {
  readonly accepted: number;
  readonly improvements: number;
  readonly mean: number;
  readonly least: number;
  /** Improvements after which Dice is lower by more than `harmless`. */
  readonly fell: number;
}

/**
 * Improves the shipped model in demo projects of a few accepted cases, through the projects' own services, and measures what came of it on phantoms of
 * no project. The report grows with each improvement; the same call goes on where it was interrupted.
 */
export async function runImprovementStudy(
  study: ImprovementStudy,
  caller: Caller,
): Promise<{ report: string; summary: ImprovementSummary[]; rows: readonly ImprovementRow[]; missing: number }> {
  const { outFolder, seeds, accepted, within } = study;
  const work = join(outFolder, 'work');
  await mkdir(work, { recursive: true });
  const { testCases, resolution, budget, device } = study;
  await keepSettings(join(work, 'settings.json'), JSON.stringify({ testCases, resolution, budget, device }), 'improvements');
  const file = join(work, 'improvements.json');
  const rows = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as ImprovementRow[]) : [];
  const test = await writeTestCases(join(work, 'test'), study, caller);
  const wanted = Array.from({ length: seeds }, (_, seed) => accepted.map((number) => ({ seed, accepted: number }))).flat();
  const missing = () => wanted.filter((each) => !rows.some((row) => row.seed === each.seed && row.accepted === each.accepted));
  const began = performance.now();
  const measuring = new Measuring(study, test, join(work, 'before.json'), caller);
  for (const each of missing()) {
    if (within !== undefined && (performance.now() - began) / 60_000 >= within) break;
    const row = await improveOnce(study, each, measuring, {
      ...caller,
      report: ({ phase, fraction, ...rest }) => {
        const done = wanted.length - missing().length;
        caller.report({
          phase: `Seed ${each.seed}, ${each.accepted} accepted: ${phase.toLowerCase()}`,
          fraction: (done + fraction) / wanted.length,
          ...rest,
        });
      },
    });
    rows.push(row);
    await writeFileAtomically(file, JSON.stringify(rows));
    await writeReport(outFolder, improvementReport(study, rows, missing().length));
    caller.note(`seed ${row.seed}, ${row.accepted} accepted: ${row.before.toFixed(4)} → ${row.after.toFixed(4)} (${row.note})`);
  }
  await writeReport(outFolder, improvementReport(study, rows, missing().length));
  return { report: join(outFolder, 'report.md'), summary: summariseImprovements(rows), rows, missing: missing().length };
}

export function summariseImprovements(rows: readonly ImprovementRow[]): ImprovementSummary[] {
  return [...Map.groupBy(rows, ({ accepted }) => accepted)]
    .sort(([a], [b]) => a - b)
    .map(([accepted, own]) => {
      const gains = own.map(gainOf);
      return {
        accepted,
        improvements: own.length,
        mean: spread(gains).mean,
        least: Math.min(...gains),
        fell: gains.filter((gain) => gain < -harmless).length,
      };
    });
}

const gainOf = ({ before, after }: ImprovementRow): number => after - before;

/** The mean over the labels of a case; of labels that neither mask has nothing is known. */
function caseDice({ metrics }: CaseMetrics): number {
  return meanOf(metrics.flatMap(({ dice }) => dice ?? []));
}

/** Measures models on the phantoms of no project; the shipped one once. */
class Measuring {
  readonly #study: ImprovementStudy;
  readonly #test: readonly MeasuredCase[];
  readonly #beforeFile: string;
  readonly #caller: Caller;

  constructor(study: ImprovementStudy, test: readonly MeasuredCase[], beforeFile: string, caller: Caller) {
    this.#study = study;
    this.#test = test;
    this.#beforeFile = beforeFile;
    this.#caller = caller;
  }

  async shipped(): Promise<number[]> {
    if (existsSync(this.#beforeFile)) return JSON.parse(await readFile(this.#beforeFile, 'utf8')) as number[];
    const dice = await this.of(shippedModel);
    await writeFileAtomically(this.#beforeFile, JSON.stringify(dice));
    return dice;
  }

  /** Of each phantom the mean Dice over its labels. */
  async of(folder: string): Promise<number[]> {
    const { device, threads } = this.#study;
    const executor = await openExecutor(device, { threads, alarm: alarmOf(this.#caller) });
    try {
      const context = await contextHere({}, this.#caller);
      const values = phantomLabelSet.labels.map(({ value }) => value);
      return (await measureModel(executor, folder, this.#test, values, { phase: 'Measuring', distances: false }, context)).map(caseDice);
    } finally {
      executor.dispose();
    }
  }
}

async function improveOnce(
  study: ImprovementStudy,
  { seed, accepted }: { readonly seed: number; readonly accepted: number },
  measuring: Measuring,
  caller: Caller,
): Promise<ImprovementRow> {
  const folder = join(study.outFolder, 'work', `seed-${seed}-${accepted}`);
  // What an interrupted run left is made again: an improvement takes minutes.
  await rm(folder, { recursive: true, force: true });
  const scans = join(folder, 'scans');
  await writePhantoms(scans, projectSeed + 100 * seed, scansOfProject, accepted, study.resolution, caller);
  const workbench = new Workbench({
    publish: () => undefined,
    log: silentLog,
    settings: new SettingsKeeper(appFolders().data),
    devices: { chosen: study.device },
  });
  const alive = setInterval(() => undefined, 60_000);
  try {
    const session = await workbench.create(join(folder, 'project'), `${accepted} accepted`, phantomLabelSet);
    await importCases(session.project, [scans], {
      mode: 'reference',
      choices: new Map(phantomLabelSet.labels.map(({ value, name }) => [String(value), name])),
      cancellation: caller.cancellation,
      report: caller.report,
    });
    await importModel(session.project, shippedModel, { name: 'Shipped phantom model' });
    const { budget, device, threads } = study;
    const jobId = await startImprovement(session, {
      minutes: 'minutes' in budget ? budget.minutes : 60,
      device,
      memoryBytes: 0,
      seed,
      ...('steps' in budget && { steps: { pretrain: 0, train: budget.steps } }),
      ...(threads !== undefined && { threads }),
    });
    await finished(session, jobId, caller.report);
    throwIfCancelled(caller.cancellation);
    const result = (await session.queue.result(jobId)) as {
      readonly modelId: string;
      readonly steps: number;
      readonly comparison: { readonly verdict: string };
    };
    const model = listModels(session.project.read).find(({ id }) => id === result.modelId);
    const note = model?.card.format === 1 ? (model.card.history.at(-1)?.note ?? '') : '';
    const before = await measuring.shipped();
    const after = await measuring.of(session.project.paths.model(result.modelId));
    return {
      seed,
      accepted,
      before: spread(before).mean,
      after: spread(after).mean,
      differences: after.map((dice, index) => dice - (before[index] ?? 0)),
      steps: result.steps,
      verdict: result.comparison.verdict,
      note,
    };
  } finally {
    clearInterval(alive);
    await workbench.close();
  }
}

async function writePhantoms(
  folder: string,
  firstSeed: number,
  count: number,
  labelled: number,
  resolution: number,
  { cancellation, report }: Caller,
): Promise<void> {
  for (const part of ['images', 'labels']) await mkdir(join(folder, part), { recursive: true });
  for (let index = 0; index < count; index++) {
    throwIfCancelled(cancellation);
    const { image, labels } = makePhantom({ seed: firstSeed + index, resolution });
    const name = phantomFile(index);
    await writeVolume(join(folder, 'images', name), image);
    if (index < labelled) await writeVolume(join(folder, 'labels', name), labels);
    report({ phase: 'Making phantoms', fraction: 0 });
  }
}

const phantomFile = (index: number): string => `Phantom ${String(index + 1).padStart(2, '0')}.nii.gz`;

async function writeTestCases(folder: string, { testCases, resolution }: ImprovementStudy, caller: Caller): Promise<MeasuredCase[]> {
  if (!existsSync(join(folder, 'whole'))) {
    await writePhantoms(folder, testSeed, testCases, testCases, resolution, caller);
    await writeFileAtomically(join(folder, 'whole'), '');
  }
  return Array.from({ length: testCases }, (_, index) => {
    const name = phantomFile(index);
    return { id: name, name, image: join(folder, 'images', name), mask: join(folder, 'labels', name) };
  });
}

function improvementReport(study: ImprovementStudy, rows: readonly ImprovementRow[], missing: number): Report {
  const { budget, testCases, resolution } = study;
  const title = 'Improvements of demo projects with few accepted cases';
  const each = budgetText(budget);
  const summary = summariseImprovements(rows);
  const gains = rows.map(gainOf);
  const points = (value: number): string => `${value < 0 ? '' : '+'}${(100 * value).toFixed(2)}`;
  return {
    title,
    description: [
      `Each improvement begins from the shipped model in a project of its own (${scansOfProject} phantoms of about ${resolution} mm, the first of them accepted), takes ${each}, and is measured on ${testCases} phantoms of no project (Dice of the shipped model there: ${(rows[0]?.before ?? 0).toFixed(4)}).`,
      ...(rows.length === 0
        ? []
        : [
            `${rows.length} improvements: mean gain ${points(spread(gains).mean)} points, the least ${points(Math.min(...gains))}; lower by more than ${harmless} of Dice: ${gains.filter((gain) => gain < -harmless).length}.`,
          ]),
      ...(missing === 0 ? [] : [`Not complete: ${missing} improvements are missing.`]),
    ],
    header: ['accepted', 'seed', 'Dice before', 'after', 'points', '95% over phantoms', 'steps', 'how'],
    rows: [...rows]
      .sort((a, b) => a.accepted - b.accepted || a.seed - b.seed)
      .map((row) => [
        String(row.accepted),
        String(row.seed),
        row.before.toFixed(4),
        row.after.toFixed(4),
        points(gainOf(row)),
        intervalText(bootstrapMean(row.differences)),
        String(row.steps),
        row.note,
      ]),
    charts: [
      {
        title,
        measure: 'Dice of the improved model less that of the shipped one',
        along: 'accepted cases',
        places: summary.map(({ accepted }) => String(accepted)),
        series: [
          {
            name: 'gain',
            points: summary.map(({ accepted }) => ({
              place: String(accepted),
              values: rows.filter((row) => row.accepted === accepted).map(gainOf),
            })),
          },
        ],
        least: -1,
      },
    ],
    results: { summary, rows },
  };
}
