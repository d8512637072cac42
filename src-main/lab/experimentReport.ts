import { join } from 'node:path';
import { bootstrapMean } from '#shared/domain/comparison.ts';
import type { Interval } from '#shared/domain/job.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { patientOf } from './bed.ts';
import { plot, spread, type Chart } from './experimentPlot.ts';

/** One finished training of an experiment. */
export interface TrialRow {
  readonly arm: string;
  readonly seed: number;
  /** Labelled cases that trained. */
  readonly labelled: number;
  readonly meanDice: number;
  readonly dice: Readonly<Record<string, number | null>>;
  /** Of each test case; absent in trials of earlier versions. */
  readonly cases?: readonly { readonly name: string; readonly dice: Readonly<Record<string, number | null>> }[];
  readonly steps: number;
  readonly seconds: number;
  /** The same training counts for several arms. */
  readonly shared?: boolean;
}

export interface ArmSummary {
  readonly arm: string;
  readonly labelled: number;
  readonly seeds: number;
  readonly mean: number;
  /** Sample standard deviation over seeds; null for one. */
  readonly deviation: number | null;
  /** Against the first arm of the same seeds and number of labelled cases; null for that arm itself and where none is common. */
  readonly gain: { readonly mean: number; readonly deviation: number | null; readonly seeds: number } | null;
  /** The same difference of each test patient, averaged over the seeds: mean and 95% paired bootstrap interval over patients; null as `gain`, and for a single patient. */
  readonly overPatients: Interval | null;
}

export function summariseTrials(rows: readonly TrialRow[]): ArmSummary[] {
  const first = rows[0]?.arm;
  const groups = Map.groupBy(rows, ({ arm, labelled }) => `${arm}\n${labelled}`);
  return [...groups.values()].map((own) => {
    const { arm = '', labelled = 0 } = own[0] ?? {};
    const pairs =
      arm === first
        ? []
        : own.flatMap((row) => {
            const base = rows.find((each) => each.arm === first && each.seed === row.seed && each.labelled === labelled);
            return base === undefined ? [] : [{ row, base }];
          });
    const gains = pairs.map(({ row, base }) => row.meanDice - base.meanDice);
    const patients = patientDifferences(pairs);
    return {
      arm,
      labelled,
      seeds: own.length,
      ...spread(own.map(({ meanDice }) => meanDice)),
      gain: gains.length === 0 ? null : { ...spread(gains), seeds: gains.length },
      overPatients: patients.length < 2 ? null : bootstrapMean(patients),
    };
  });
}

/** For each test patient the difference of its mean Dice over labels (and over its cases), averaged over the seeds. */
function patientDifferences(pairs: readonly { readonly row: TrialRow; readonly base: TrialRow }[]): number[] {
  const differences = pairs.flatMap(({ row, base }) =>
    (row.cases ?? []).flatMap(({ name, dice }) => {
      const before = base.cases?.find((each) => each.name === name)?.dice ?? {};
      const values = Object.entries(dice).flatMap(([label, value]) => {
        const old = before[label] ?? null;
        return value === null || old === null ? [] : [value - old];
      });
      return values.length === 0 ? [] : [{ patient: patientOf(name), difference: spread(values).mean }];
    }),
  );
  return [...Map.groupBy(differences, ({ patient }) => patient).values()].map(
    (own) => spread(own.map(({ difference }) => difference)).mean,
  );
}

/** As points: "+0.8 to +3.1". */
export function intervalText(interval: Interval | null): string {
  if (interval === null) return '–';
  const points = (value: number): string => `${value < 0 ? '' : '+'}${(100 * value).toFixed(1)}`;
  return `${points(interval.low)} to ${points(interval.high)}`;
}

export const plusMinus = ({ mean, deviation }: { readonly mean: number; readonly deviation: number | null }, decimals = 4): string =>
  `${mean.toFixed(decimals)}${deviation === null ? '' : ` ± ${deviation.toFixed(decimals)}`}`;

/** How long something trains. */
export const budgetText = (budget: { readonly minutes: number } | { readonly steps: number }): string =>
  'minutes' in budget ? `${budget.minutes} minutes` : `${budget.steps} steps`;

/** Dice as points with its sign: "+2.1 ± 0.4". */
export function gainText(gain: ArmSummary['gain']): string {
  if (gain === null) return '–';
  return `${gain.mean < 0 ? '' : '+'}${plusMinus({ mean: 100 * gain.mean, deviation: gain.deviation === null ? null : 100 * gain.deviation }, 1)}`;
}

/** What a study's report is made of. */
export interface Report {
  readonly title: string;
  /** How it was made, a paragraph each. */
  readonly description: readonly string[];
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly charts: readonly Chart[];
  /** Goes into results.json as it is. */
  readonly results: object;
}

/** Writes report.md (table and how it was made), results.json and plot.svg into a folder. */
export async function writeReport(folder: string, { title, description, header, rows, charts, results }: Report): Promise<void> {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = [line(header), `|${'---|'.repeat(header.length)}`, ...rows.map(line)];
  await writeFileAtomically(
    join(folder, 'report.md'),
    [`# ${title}`, '', ...description.flatMap((paragraph) => [paragraph, '']), ...table, '', '![](plot.svg)', ''].join('\n'),
  );
  await writeFileAtomically(join(folder, 'results.json'), JSON.stringify({ title, description, ...results }, null, 2));
  await writeFileAtomically(join(folder, 'plot.svg'), plot(charts));
}

/** The report of a study whose trials are trainings: arms against one another, over the number of labelled cases where it varies. */
export function reportTrials(title: string, description: readonly string[], rows: readonly TrialRow[]): Report {
  const summary = summariseTrials(rows);
  const labels = [...new Set(rows.flatMap(({ dice }) => Object.keys(dice)))];
  const own = ({ arm, labelled }: ArmSummary): TrialRow[] => rows.filter((row) => row.arm === arm && row.labelled === labelled);
  const mean = (values: readonly number[], decimals: number): string => (values.length === 0 ? '–' : spread(values).mean.toFixed(decimals));
  const arms = [...new Set(summary.map(({ arm }) => arm))];
  const counts = [...new Set(summary.map(({ labelled }) => labelled))].sort((a, b) => a - b);
  const overCounts = counts.length > 1;
  return {
    title,
    description,
    header: [
      '',
      'labelled',
      'seeds',
      'mean Dice ± sd',
      `against ${rows[0]?.arm ?? ''}, points ± sd`,
      '95% over patients',
      ...labels,
      'steps',
    ],
    rows: summary.map((each) => [
      each.arm,
      String(each.labelled),
      String(each.seeds),
      plusMinus(each),
      gainText(each.gain),
      intervalText(each.overPatients),
      ...labels.map((label) =>
        mean(
          own(each).flatMap(({ dice }) => dice[label] ?? []),
          4,
        ),
      ),
      mean(
        own(each).map(({ steps }) => steps),
        0,
      ),
    ]),
    charts: [
      {
        title,
        measure: 'mean Dice on the test cases',
        ...(overCounts && { along: 'labelled cases' }),
        places: overCounts ? counts.map(String) : arms,
        most: 1,
        series: arms.map((arm) => ({
          name: arm,
          points: summary
            .filter((each) => each.arm === arm)
            .sort((a, b) => a.labelled - b.labelled)
            .map((each) => ({ place: overCounts ? String(each.labelled) : arm, values: own(each).map(({ meanDice }) => meanDice) })),
        })),
      },
    ],
    results: { summary, trials: rows },
  };
}
