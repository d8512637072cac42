import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { meanOf, spread } from './experimentPlot.ts';
import { plusMinus, writeReport, type Report } from './experimentReport.ts';
import { keepSettings } from './experimentTrials.ts';
import { readWithTruth, type ReaderRound, type ReaderSetup } from './simulatedReader.ts';
import type { Caller } from '#main/jobs/run.ts';

export interface ReaderStudy extends Omit<ReaderSetup, 'seed' | 'folder'> {
  /** Where the report goes; the readers' projects lie in `work` below it. */
  readonly outFolder: string;
  readonly seeds: number;
}

export interface RoundSummary {
  readonly round: number;
  readonly seeds: number;
  readonly trainingCases: number;
  readonly promoted: number;
  /** Means over seeds: Dice of the new model and of the one in use, voxels changed in a corrected and in a held-out case. */
  readonly newDice: number;
  readonly dice: number;
  readonly changed: number;
  readonly changedShare: number;
  readonly heldOutChanged: number;
  readonly heldOutShare: number;
}

/** One simulated reader a seed; the report grows with every round. Resumes where it was interrupted. */
export async function runReaderStudy(
  study: ReaderStudy,
  caller: Caller,
): Promise<{ report: string; summary: RoundSummary[]; rounds: readonly ReaderRound[] }> {
  const { outFolder, seeds, ...setup } = study;
  const work = join(outFolder, 'work');
  await mkdir(work, { recursive: true });
  await keepSettings(join(work, 'settings.json'), JSON.stringify({ ...setup, rounds: undefined, threads: undefined }), 'a reader');
  const done: ReaderRound[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const folder = join(work, `seed-${seed}`);
    await mkdir(folder, { recursive: true });
    const before = done.length;
    const rounds = await readWithTruth(
      { ...setup, seed, folder },
      {
        cancellation: caller.cancellation,
        report: ({ phase, fraction, ...rest }) => {
          caller.report({ phase: `Seed ${seed}: ${phase.toLowerCase()}`, fraction: (seed + fraction) / seeds, ...rest });
        },
        note: (severity, message) => {
          caller.note(`${severity}: ${message}`);
        },
        onRound: async (round, own) => {
          done.splice(before, done.length, ...own);
          await writeReport(outFolder, readerReport(study, done));
          caller.note(
            `seed ${seed}, round ${round.round}: mean Dice ${round.newDice.toFixed(4)} on held-out cases, ${round.promoted ? 'promoted' : 'not promoted'}; ${Math.round(meanChanged(round.corrected))} voxels a case changed`,
          );
        },
      },
    );
    done.splice(before, done.length, ...rounds);
  }
  await writeReport(outFolder, readerReport(study, done));
  return { report: join(outFolder, 'report.md'), summary: summariseRounds(done), rounds: done };
}

type Changed = readonly { readonly changed: number; readonly foreground: number }[];
const meanChanged = (cases: Changed): number => meanOf(cases.map(({ changed }) => changed));
const meanShare = (cases: Changed): number => meanOf(cases.map(({ changed, foreground }) => changed / Math.max(1, foreground)));

export function summariseRounds(rounds: readonly ReaderRound[]): RoundSummary[] {
  const byRound = [...Map.groupBy(rounds, ({ round }) => round)].sort(([a], [b]) => a - b);
  return byRound.map(([round, own]) => ({
    round,
    seeds: own.length,
    trainingCases: meanOf(own.map(({ trainingCases }) => trainingCases)),
    promoted: own.filter(({ promoted }) => promoted).length,
    newDice: meanOf(own.map(({ newDice }) => newDice)),
    dice: meanOf(own.map(({ dice }) => dice)),
    changed: meanOf(own.map(({ corrected }) => meanChanged(corrected))),
    changedShare: meanOf(own.map(({ corrected }) => meanShare(corrected))),
    heldOutChanged: meanOf(own.map(({ heldOut }) => meanChanged(heldOut))),
    heldOutShare: meanOf(own.map(({ heldOut }) => meanShare(heldOut))),
  }));
}

function readerReport({ dataset, budget, labelled, testCases, added }: ReaderStudy, rounds: readonly ReaderRound[]): Report {
  const title = 'A simulated reader: improve, correct, accept';
  const each =
    'minutes' in budget
      ? `${budget.minutes} minutes`
      : `${budget.steps} steps${budget.pretrain > 0 ? `, before the first ${budget.pretrain} of pre-training` : ''}`;
  const numbers = [...new Set(rounds.map(({ round }) => round))].sort((a, b) => a - b);
  const over = (round: number, value: (each: ReaderRound) => number): number[] => rounds.filter((row) => row.round === round).map(value);
  const chart = (
    name: string,
    measure: string,
    lines: readonly (readonly [string, (each: ReaderRound) => number])[],
    most?: number,
  ): Report['charts'][number] => ({
    title: name,
    measure,
    along: 'round',
    places: numbers.map(String),
    ...(most !== undefined && { most }),
    series: lines.map(([line, value]) => ({
      name: line,
      points: numbers.map((round) => ({ place: String(round), values: over(round, value) })),
    })),
  });
  const cell = (round: number, value: (each: ReaderRound) => number, decimals: number): string =>
    plusMinus(spread(over(round, value)), decimals);
  return {
    title,
    description: [
      `Data: ${dataset}. ${testCases} cases are held out (the same for every seed); ${labelled} others, drawn again for each seed, are labelled at the start. Each round: improve (${each}), promote if that is proposed, then predict, correct and accept the ${added} cases that are suggested next.`,
      'Changed voxels are counted in the correction itself: from the prediction of the model in use to the truth. Their share is of the labelled voxels of the truth. The corrected cases are others in every round, and chosen because they are hard; the held-out ones are the same in all.',
    ],
    header: [
      'round',
      'seeds',
      'training cases',
      'Dice, new model',
      'Dice, in use',
      'promoted',
      'changed voxels, corrected case',
      'share',
      'changed voxels, held-out case',
      'share',
    ],
    rows: summariseRounds(rounds).map(({ round, seeds, trainingCases, promoted }) => [
      String(round),
      String(seeds),
      String(Math.round(trainingCases)),
      cell(round, ({ newDice }) => newDice, 4),
      cell(round, ({ dice }) => dice, 4),
      `${promoted} of ${seeds}`,
      cell(round, ({ corrected }) => meanChanged(corrected), 0),
      cell(round, ({ corrected }) => meanShare(corrected), 3),
      cell(round, ({ heldOut }) => meanChanged(heldOut), 0),
      cell(round, ({ heldOut }) => meanShare(heldOut), 3),
    ]),
    charts: [
      chart(
        title,
        'mean Dice on the held-out cases',
        [
          ['new model', ({ newDice }) => newDice],
          ['in use', ({ dice }) => dice],
        ],
        1,
      ),
      chart('What correcting takes', 'changed voxels / labelled voxels', [
        ['corrected cases', ({ corrected }) => meanShare(corrected)],
        ['held-out cases', ({ heldOut }) => meanShare(heldOut)],
      ]),
    ],
    results: { summary: summariseRounds(rounds), rounds },
  };
}
