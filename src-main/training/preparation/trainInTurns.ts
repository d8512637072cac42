import type { Work } from '#shared/domain/work.ts';
import type { CheckpointName, CheckpointStore } from '../checkpoint.ts';
import { train, type TrainingOutcome, type TrainingSetup } from '../train.ts';
import type { Turn } from './setApart.ts';

type Row = { readonly file: string };
const filesOf = (rows: readonly Row[]): string[] => rows.map(({ file }) => file);

export interface TrainedTurn {
  readonly outcome: TrainingOutcome;
  /** Case files that it did not see. */
  readonly apart: readonly string[];
}

/** Trains once for each of one or two turns, with its part of the budget and checkpoints of its own; the curves follow one another. */
export async function trainInTurns(setup: TrainingSetup, turns: readonly Turn<Row>[], work: Work): Promise<TrainedTurn[]> {
  const count = turns.length;
  const done: TrainedTurn[] = [];
  for (const [index, { training, apart }] of turns.entries()) {
    const steps = done.reduce((sum, { outcome }) => sum + outcome.steps, 0);
    const seconds = done.reduce((sum, { outcome }) => sum + outcome.seconds, 0);
    const outcome = await train(
      {
        ...setup,
        budget: partOf(setup.budget, index, count),
        secondsBefore: (setup.secondsBefore ?? 0) / count,
        seed: setup.seed + index,
        trainingCases: filesOf(training),
        store: index === 0 ? setup.store : second(setup.store),
      },
      count === 1
        ? work
        : {
            ...work,
            point: (point) => {
              work.point({ ...point, step: steps + point.step, seconds: seconds + point.seconds });
            },
            report: ({ fraction, remainingSeconds, ...rest }) => {
              work.report({
                ...rest,
                fraction: (index + fraction) / count,
                ...(remainingSeconds !== undefined && { remainingSeconds: remainingSeconds + remainingOf(setup.budget, index, count) }),
              });
            },
          },
    );
    done.push({ outcome, apart: filesOf(apart) });
  }
  return done;
}

/** What all turns came to together; the weights are the last one's. */
export function together(turns: readonly TrainedTurn[]): TrainingOutcome {
  const last = turns.at(-1);
  if (last === undefined) throw new RangeError('there is always a turn');
  let [steps, seconds] = [0, 0];
  const curve = turns.flatMap(({ outcome }) => {
    const points = outcome.curve.map((point) => ({ ...point, step: point.step + steps, seconds: point.seconds + seconds }));
    steps += outcome.steps;
    seconds += outcome.seconds;
    return points;
  });
  return { ...last.outcome, curve, steps, seconds, keptStep: turns.length === 1 ? last.outcome.keptStep : steps };
}

function partOf(budget: TrainingSetup['budget'], index: number, count: number): TrainingSetup['budget'] {
  if ('minutes' in budget) return { minutes: budget.minutes / count };
  return { steps: Math.floor(((index + 1) * budget.steps) / count) - Math.floor((index * budget.steps) / count) };
}

/** Of the turns that follow, in a budget of time. */
function remainingOf(budget: TrainingSetup['budget'], index: number, count: number): number {
  return 'minutes' in budget ? (60 * budget.minutes * (count - index - 1)) / count : 0;
}

function second(store: CheckpointStore): CheckpointStore {
  const other = (name: CheckpointName): CheckpointName => (name.startsWith('best') ? 'best-second' : 'checkpoint-second');
  return { load: (name) => store.load(other(name)), save: (name, bytes) => store.save(other(name), bytes) };
}
