import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError, fromWireError } from '#shared/base/errors.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { Severity } from '#shared/domain/job.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { copyPrediction, freePolicy, labelCounts, SegmentationDocument } from '#shared/segmentation/index.ts';
import { readDataset } from '#main/imageio/dataset.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { drawCases, splitCases } from './bed.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import { promotedModel, updateCase } from '#main/library/index.ts';
import { appFolders } from '#main/project/appFolders.ts';
import { comparisonOf } from '#main/project/results/comparisonResult.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { startImprovement, startRanking } from '#main/project/improvement.ts';
import { promote } from '#main/project/promotion.ts';
import { suggestNext } from '#main/project/nextCase.ts';
import { silentLog } from '#shared/base/log.ts';
import { predictedMask, submitPrediction } from '#main/project/predictions.ts';
import { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import type { ProjectSession } from '#main/project/session.ts';
import { Workbench } from '#main/project/workbench.ts';

interface LabelledScan {
  readonly name: string;
  readonly image: string;
  readonly label?: string;
}

export interface ReaderSetup {
  readonly dataset: string;
  /** Where the reader's project is made, or gone on with. */
  readonly folder: string;
  /** Cases labelled before the first round, and cases held out; both labelled from nothing. */
  readonly labelled: number;
  readonly testCases: number;
  /** Cases corrected in a round. */
  readonly added: number;
  readonly rounds: number;
  readonly seed: number;
  /** Of each improvement; with steps, pre-training takes `pretrain` of its own before the first model. */
  readonly budget: { readonly minutes: number } | { readonly steps: number; readonly pretrain: number };
  readonly variant: string;
  readonly device: string;
  readonly threads?: number | undefined;
}

export interface CorrectedCase {
  readonly name: string;
  /** Why it was proposed. */
  readonly reason: string;
  /** Voxels that the reader had to change, and those of the labels in the truth. */
  readonly changed: number;
  readonly foreground: number;
}

export interface ReaderRound {
  readonly seed: number;
  readonly round: number;
  /** Cases that trained the round's model. */
  readonly trainingCases: number;
  /** Mean Dice on the held-out cases: of the new model, and of the one in use afterwards. */
  readonly newDice: number;
  readonly dice: number;
  readonly promoted: boolean;
  readonly verdict: string;
  readonly corrected: readonly CorrectedCase[];
  /** What correcting the held-out cases would take with the model in use: the same cases in every round. */
  readonly heldOut: readonly Omit<CorrectedCase, 'reason'>[];
}

export interface ReaderContext {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  readonly note: (severity: Severity, message: string) => void;
  /** After each round, with all that are done. */
  readonly onRound: (round: ReaderRound, rounds: readonly ReaderRound[]) => Promise<void>;
}

/** What is done of the round that is under way. */
interface Progress {
  readonly rounds: readonly ReaderRound[];
  readonly jobId?: string;
  readonly ranked?: true;
  readonly corrected: readonly CorrectedCase[];
}

/**
 * A reader who knows the truth works with a project as a person would, through the project's own services: labels a few cases, presses
 * Improve, promotes what is proposed, takes the next best case, has it predicted, corrects the prediction into the truth, accepts it,
 * and so on. Resumes where it was interrupted. Throws `invalid-argument` where the data set is too small, and what the services throw.
 */
export async function readWithTruth(setup: ReaderSetup, context: ReaderContext): Promise<readonly ReaderRound[]> {
  const publish: ConstructorParameters<typeof Workbench>[0]['publish'] = (name, payload) => {
    if (name === 'jobs.compute') context.note('warning', (payload as { readonly message: string }).message);
  };
  const workbench = new Workbench({
    publish,
    log: silentLog,
    settings: new SettingsKeeper(appFolders().data),
    devices: { chosen: setup.device },
  });
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await new SimulatedReader(setup, context, workbench).read();
  } finally {
    clearInterval(alive);
    await workbench.close();
  }
}

class SimulatedReader {
  readonly #setup: ReaderSetup;
  readonly #context: ReaderContext;
  readonly #workbench: Workbench;
  /** Case id → what is known of it. */
  #cases = new Map<string, LabelledScan>();
  #progress: Progress = { rounds: [], corrected: [] };

  constructor(setup: ReaderSetup, context: ReaderContext, workbench: Workbench) {
    this.#setup = setup;
    this.#context = context;
    this.#workbench = workbench;
  }

  async read(): Promise<readonly ReaderRound[]> {
    const session = await this.#openProject();
    this.#progress = await readJson(this.#file('reader.json'), this.#progress);
    while (this.#progress.rounds.length < this.#setup.rounds) {
      const round = await this.#round(session);
      await this.#save({ rounds: [...this.#progress.rounds, round], corrected: [] });
      await this.#context.onRound(round, this.#progress.rounds);
    }
    return this.#progress.rounds;
  }

  async #round(session: ProjectSession): Promise<ReaderRound> {
    const { seed, added } = this.#setup;
    const number = this.#progress.rounds.length + 1;
    const jobId = this.#progress.jobId ?? (await this.#improve(session, number));
    await this.#save({ ...this.#progress, jobId });
    await this.#finished(session, jobId, `Round ${number}: improving`);
    const result = (await session.queue.result(jobId)) as { readonly trainingCases: number };
    const comparison = comparisonOf(result);
    if (comparison === null) throw new StudioError('internal', 'The improvement ended without a comparison.');
    if (this.#progress.ranked !== true) {
      const fresh = promotedModel(session.project.read)?.id !== comparison.afterModelId;
      if (fresh && comparison.promotionProposed) promote(session.project, comparison.afterModelId, false);
      // Also without a promotion: what was accepted since the last ranking counts.
      if (fresh || number > 1) await startRanking(session, this.#setup.device);
      const ranking = session.queue.list(10).find(({ kind }) => kind === 'rank');
      if (ranking !== undefined) await this.#finished(session, ranking.id, `Round ${number}: ranking`);
      await this.#save({ ...this.#progress, ranked: true });
    }
    while (this.#progress.corrected.length < added) {
      const next = suggestNext(session.project, 'suggested');
      if (next === null) break;
      const corrected = { ...(await this.#correct(session, next.caseId, number)), reason: next.reason };
      await this.#save({ ...this.#progress, corrected: [...this.#progress.corrected, corrected] });
    }
    const promoted = promotedModel(session.project.read)?.id === comparison.afterModelId;
    return {
      seed,
      round: number,
      trainingCases: result.trainingCases,
      newDice: comparison.meanAfter,
      promoted,
      verdict: comparison.verdict,
      dice: promoted ? comparison.meanAfter : (comparison.meanBefore ?? comparison.meanAfter),
      corrected: this.#progress.corrected,
      heldOut: await this.#measureHeldOut(session, number),
    };
  }

  async #improve(session: ProjectSession, number: number): Promise<string> {
    const { budget, device, threads, seed, variant } = this.#setup;
    const first = promotedModel(session.project.read) === undefined;
    return startImprovement(session, {
      minutes: 'minutes' in budget ? budget.minutes : 60,
      device,
      memoryBytes: 0,
      variant,
      seed: 100 * seed + number,
      ...('steps' in budget && { steps: { pretrain: first ? budget.pretrain : 0, train: budget.steps } }),
      ...(threads !== undefined && { threads }),
    });
  }

  /** Predicts a case and corrects the prediction into the truth; the voxels that this took. */
  async #correct(session: ProjectSession, caseId: string, number: number): Promise<Omit<CorrectedCase, 'reason'>> {
    const { name } = this.#known(caseId);
    const { id } = await submitPrediction(session, this.#setup.device, [caseId], undefined, 'background');
    await this.#finished(session, id, `Round ${number}: predicting ${name}`);
    return this.#accept(session, caseId, await predictedMask(session.project, caseId));
  }

  /** Works as the window does: the prediction is taken over, then the truth drawn on top, as edits in the case's document. */
  async #accept(session: ProjectSession, caseId: string, prediction: LabelVolume | null): Promise<Omit<CorrectedCase, 'reason'>> {
    const { name } = this.#known(caseId);
    const opened = await session.documents.open(caseId);
    try {
      const records: Uint8Array[] = [];
      const document = SegmentationDocument.restore(opened.mask, opened.history, {
        sink: (record) => {
          records.push(record);
        },
      });
      const target = { volume: document.volume, policy: freePolicy };
      const truth = await this.#truth(caseId);
      if (!sameGrid(truth.grid, document.volume.grid))
        throw new StudioError('invalid-file', `The mask of ${name} does not lie on its image's voxels.`);
      if (prediction !== null) document.push('Take over the prediction', copyPrediction(target, prediction, { replace: true }));
      const correction = copyPrediction(target, truth, { replace: true });
      document.push('Correct', correction);
      if (records.length > 0) await session.documents.append(caseId, opened.session, 0, records);
      await session.documents.accept(caseId, opened.session, records.length, { asItIs: true, acceptance: 'reviewed' }); // The truth may lack what was predicted.
      return { name, changed: correction.changed, foreground: foregroundOf(truth) };
    } finally {
      await session.documents.close(caseId, opened.session);
    }
  }

  async #measureHeldOut(session: ProjectSession, number: number): Promise<Omit<CorrectedCase, 'reason'>[]> {
    const ids = [...this.#cases.keys()].slice(0, this.#setup.testCases);
    const { id } = await submitPrediction(session, this.#setup.device, ids, undefined, 'background');
    await this.#finished(session, id, `Round ${number}: predicting held-out cases`);
    const measured: Omit<CorrectedCase, 'reason'>[] = [];
    for (const caseId of ids) {
      const [truth, prediction] = [await this.#truth(caseId), await predictedMask(session.project, caseId)];
      let changed = 0;
      for (let at = 0; at < truth.data.length; at++) if (truth.data[at] !== (prediction?.data[at] ?? 0)) changed++;
      measured.push({ name: this.#known(caseId).name, changed, foreground: foregroundOf(truth) });
    }
    return measured;
  }

  /** The project as it was left, or a new one: all scans imported, the first cases labelled, those for testing held out. */
  async #openProject(): Promise<ProjectSession> {
    const { dataset, folder, labelled, testCases, seed } = this.#setup;
    const path = join(folder, 'project');
    const described = await readDataset(dataset);
    const truths = described.cases.flatMap(({ name, image, label }) => (label === undefined ? [] : [{ id: name, name, image, label }]));
    if (truths.length < testCases + labelled + 1) {
      throw new StudioError(
        'invalid-argument',
        `${truths.length} labelled cases are too few to hold out ${testCases} and begin with ${labelled}; ask for fewer with --test or --labelled.`,
      );
    }
    const known = await readJson<readonly [string, LabelledScan][]>(this.#file('cases.json'), []);
    this.#cases = new Map(known);
    if (known.length > 0) return this.#workbench.open(path);
    if (existsSync(path))
      throw new StudioError('conflict', `Making the project in ${path} was interrupted; remove that folder and start again.`);
    const session = await this.#workbench.create(path, `Reader ${seed}`, labelSetFrom(described.labels));
    const { test, pool } = splitCases(truths, testCases, ({ name }) => name);
    const begin = drawCases(pool, labelled, seed, ({ name }) => name);
    // Scans without a truth stay out: they could be proposed, and no one could correct them.
    const rest = pool.filter((each) => !begin.includes(each));
    for (const [index, each] of [...test, ...begin, ...rest].entries()) {
      const { added, skipped } = await importCases(session.project, [each.image], {
        mode: 'reference',
        cancellation: this.#context.cancellation,
        report: () => undefined,
      });
      const [caseId] = added;
      this.#context.report({ phase: 'Importing', fraction: (index + 1) / truths.length, detail: each.name });
      if (caseId === undefined) {
        if (skipped[0] !== undefined) this.#context.note('warning', `${each.name}: ${skipped[0].message}`);
        continue;
      }
      this.#cases.set(caseId, each);
      if (index < testCases) updateCase(session.project.write, caseId, { heldOut: true });
      if (index < testCases + labelled) await this.#accept(session, caseId, null);
    }
    await writeFileAtomically(this.#file('cases.json'), JSON.stringify([...this.#cases]));
    return session;
  }

  /** Waits for a job's result to be in the library; resumes one that an earlier run left behind. */
  async #finished(session: ProjectSession, jobId: string, phase: string): Promise<void> {
    const { cancellation, report } = this.#context;
    if (!['done', 'queued', 'running'].includes(session.queue.get(jobId).state)) session.queue.resume(jobId);
    const done = this.#progress.rounds.length;
    const stop = session.watch(jobId, (job) => {
      report({
        phase,
        fraction: (done + 0.9 * job.fraction) / this.#setup.rounds,
        detail: job.phase,
        ...(job.remainingSeconds !== null && { remainingSeconds: job.remainingSeconds }),
      });
    });
    const watch = setInterval(() => {
      if (cancellation.aborted) void session.queue.pause(jobId).catch(() => undefined);
    }, 200);
    try {
      const job = await session.queue.wait(jobId);
      if (cancellation.aborted) throw new StudioError('cancelled', 'Stopped; the same command resumes from here.');
      if (job.state !== 'done')
        throw job.error === null ? new StudioError('internal', `"${job.title}" did not finish.`) : fromWireError(job.error);
      await session.adopted(jobId);
    } finally {
      clearInterval(watch);
      stop();
    }
  }

  async #truth(caseId: string): Promise<LabelVolume> {
    const { label = '' } = this.#known(caseId);
    const { volume } = await readLabels(label, { cancellation: this.#context.cancellation });
    return volume as LabelVolume;
  }

  #known(caseId: string): LabelledScan {
    const known = this.#cases.get(caseId);
    if (known === undefined)
      throw new StudioError('corrupt', 'The project holds a case that the reader did not import. Choose an empty folder.');
    return known;
  }

  async #save(progress: Progress): Promise<void> {
    this.#progress = progress;
    await writeFileAtomically(this.#file('reader.json'), JSON.stringify(progress));
  }

  #file(name: string): string {
    return join(this.#setup.folder, name);
  }
}

function foregroundOf(truth: LabelVolume): number {
  return Object.values(labelCounts(truth)).reduce((sum, count) => sum + count, 0);
}

async function readJson<T>(path: string, otherwise: T): Promise<T> {
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as T) : otherwise;
}
