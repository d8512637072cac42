import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { TaskContext } from '#main/jobs/task.ts';
import type { ExperimentConfig } from './experiment.ts';
import { reportTrials, writeReport, type TrialRow } from './experimentReport.ts';

export type ExperimentContext = TaskContext<ExperimentConfig>;

export interface TrialsSetup {
  readonly title: string;
  readonly description: readonly string[];
  /** Trainings of the whole experiment. */
  readonly total: number;
}

/** Keeps what a folder's results were made with. Throws `conflict` where it was begun with other settings; `holding` says of what. */
export async function keepSettings(path: string, settings: string, holding: string): Promise<void> {
  const kept = await readFile(path, 'utf8').catch(() => settings);
  if (kept !== settings)
    throw new StudioError(
      'conflict',
      `This folder holds ${holding} with other settings. Choose another folder for the report, or repeat the settings it was begun with.`,
      { detail: kept },
    );
  await writeFileAtomically(path, settings);
}

/**
 * Finished trials, kept on disk: an interrupted experiment goes on with the first that is missing. More seeds, rounds and arms may be
 * asked for later; anything else makes it another experiment.
 */
export class Trials {
  readonly rows: TrialRow[];
  readonly #context: ExperimentContext;
  readonly #setup: TrialsSetup;
  readonly #began = performance.now();
  #trained = 0;
  /** Trainings that were there when it began. */
  readonly #before: number;

  private constructor(context: ExperimentContext, setup: TrialsSetup, rows: TrialRow[]) {
    this.#context = context;
    this.#setup = setup;
    this.rows = rows;
    this.#before = countTrainings(rows);
  }

  /** Throws `conflict` where the folder holds trials that were made with other settings. */
  static async open(context: ExperimentContext, setup: TrialsSetup): Promise<Trials> {
    const {
      study,
      dataset,
      labels,
      channel,
      masks,
      ignore,
      patch,
      batch,
      slices,
      contrast,
      spacing,
      variant,
      testCases,
      labelled,
      budget,
      pretrainBudget,
      added,
    } = context.config;
    const data = { study, dataset, ...(labels.length > 0 && { labels }), channel, masks, ignore, patch, batch, slices, contrast, spacing };
    const key = JSON.stringify({ ...data, variant, testCases, labelled, budget, pretrainBudget, added });
    await keepSettings(join(context.checkpointFolder, 'experiment.json'), key, 'trials that were made');
    const text = await readFile(join(context.checkpointFolder, 'trials.json'), 'utf8').catch(() => '[]');
    return new Trials(context, setup, JSON.parse(text) as TrialRow[]);
  }

  has(arm: string, seed: number, labelled: number): boolean {
    return this.rows.some((row) => row.arm === arm && row.seed === seed && row.labelled === labelled);
  }

  /** Whether no further training is to begin. */
  get over(): boolean {
    const { within } = this.#context.config;
    return within !== undefined && (performance.now() - this.#began) / 60_000 >= within;
  }

  get missing(): number {
    return Math.max(0, this.#setup.total - countTrainings(this.rows));
  }

  /** Progress of one trial, 0..1, as progress of the whole. */
  readonly report: ReportProgress = ({ phase, fraction, detail }) => {
    const { total } = this.#setup;
    const done = Math.min(total, this.#before + this.#trained + Math.min(1, fraction));
    const elapsed = (performance.now() - this.#began) / 1000;
    const remainingSeconds = this.#trained === 0 ? undefined : ((total - done) * elapsed) / (this.#trained + Math.min(1, fraction));
    this.#context.report({
      phase,
      fraction: done / total,
      ...(detail !== undefined && { detail }),
      ...(remainingSeconds !== undefined && { remainingSeconds }),
    });
  };

  /** Keeps what one training came to; several arms may share it. */
  async add(rows: readonly TrialRow[]): Promise<void> {
    const { total, title, description } = this.#setup;
    this.rows.push(...rows);
    this.#trained++;
    await writeFileAtomically(join(this.#context.checkpointFolder, 'trials.json'), JSON.stringify(this.rows));
    const missing = this.missing === 0 ? [] : [`Not complete: ${this.missing} of ${total} trainings are missing.`];
    await writeReport(this.#context.outFolder, reportTrials(title, [...description, ...missing], this.rows));
    const [row] = rows;
    if (row === undefined) return;
    const minutes = (performance.now() - this.#began) / 60_000;
    const left = this.missing === 0 ? '' : `; ${this.missing} to go, about ${Math.ceil((minutes / this.#trained) * this.missing)} minutes`;
    this.#context.alarm(
      'info',
      `${rows.map(({ arm }) => arm).join(' = ')}, ${row.labelled} labelled, seed ${row.seed}: mean Dice ${row.meanDice.toFixed(4)} after ${row.steps} steps${left}`,
    );
  }
}

/** Rows that share a training have its number in common. */
function countTrainings(rows: readonly TrialRow[]): number {
  return new Set(rows.map(({ seed, labelled, shared, arm }) => `${seed} ${labelled} ${shared ? '' : arm}`)).size;
}
