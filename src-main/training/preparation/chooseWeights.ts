import { pooledDice } from '#shared/domain/metrics.ts';
import type { Work } from '#shared/domain/work.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import type { NetworkConfig } from '#main/model/networkConfig.ts';
import { interpolated, meanOf, type Weights } from '#main/model/weights.ts';
import type { TrainingPlan } from '../trainingPlan.ts';
import { validate, type ValidateOptions, type Validation } from '../validate.ts';

/** Parts of what is new, the smallest first: of equals it is chosen. */
const PARTS = [0, 0.25, 0.5, 0.75, 1] as const;
/** Where nothing could be set apart. */
const UNMEASURED = 0.5;
/**
 * Dice that slices of the only patient that trained promise, and other patients do not keep, where the new weights count whole; with n cases an n-th of
 * it (.04 to .05 in ten improvements of the phantom model: docs/explanation/improve.md). Their intensities are in the norms' statistics.
 */
const OPTIMISM = 0.05;

/** What to take off where slices of the same few cases choose: they have gained by their own patients' training. */
export const optimismOf = (cases: number): number => OPTIMISM / cases;

export interface ChosenWeights {
  readonly weights: Weights;
  /** Part of what is new, 0..1. */
  readonly part: number;
  /** Mean over the labels of Dice on all that was set apart, by part; empty where nothing was. */
  readonly dice: readonly { readonly part: number; readonly dice: number }[];
}

/** How weights are measured: on patches of the plan, of its channels, by region where some classes lie inside others. */
type Measuring = Pick<TrainingPlan, 'patch' | 'channels'> & Pick<ValidateOptions, 'regions'>;

/** What a training came to, and the case files that it did not see. */
export interface TurnResult {
  readonly after: Weights;
  readonly apart: readonly string[];
}

/**
 * Weights between those of before and after a fine-tuning: those that do best on cases (or slices of them) that did not train and do not
 * judge either, so that a fine-tuning on a few cases cannot end worse than it began, as far as these can tell. Of several turns, each measured on
 * what it left out, the mean of their weights is what is new. `optimism`: what is taken off of the Dice where the new weights count whole, and in
 * proportion where they count in part.
 */
export async function chooseWeights(
  executor: Executor,
  architecture: NetworkConfig,
  { patch, channels, regions }: Measuring,
  before: Weights,
  turns: readonly TurnResult[],
  work: Work,
  optimism = 0,
): Promise<ChosenWeights> {
  const after = meanOf(turns.map((turn) => turn.after));
  if (turns.every(({ apart }) => apart.length === 0))
    return { weights: interpolated(before, after, UNMEASURED), part: UNMEASURED, dice: [] };
  const predictor = await NetworkPredictor.create(executor, architecture, patch);
  try {
    const dice: { part: number; dice: number }[] = [];
    for (const [index, part] of PARTS.entries()) {
      const cases: Validation['cases'][number][] = [];
      for (const turn of turns) {
        await predictor.load(interpolated(before, turn.after, part));
        cases.push(...(await validate(predictor, turn.apart, { ...work, channels: channels?.map((_channel, n) => n), regions })).cases);
      }
      dice.push({ part, dice: pooledDice(cases.map(({ metrics }) => metrics)) });
      work.report({ phase: 'Choosing between old and new weights', fraction: (index + 1) / PARTS.length });
    }
    const promise = (each: ChosenWeights['dice'][number]): number => each.dice - optimism * each.part;
    const best = dice.reduce((chosen, each) => (promise(each) > promise(chosen) ? each : chosen));
    return { weights: interpolated(before, after, best.part), part: best.part, dice };
  } finally {
    predictor.dispose();
  }
}

/** For the person. */
export function choiceText({ part, dice }: ChosenWeights): string {
  const percent = `${Math.round(100 * part)}%`;
  if (dice.length === 0) return `The new weights count ${percent}: there is nothing to measure by what would be best.`;
  const at = (wanted: number): string => (dice.find((each) => each.part === wanted)?.dice ?? 0).toFixed(3);
  return `The new weights count ${percent}: that did best on what was set apart to choose by (Dice ${at(part)}; the model in use ${at(0)}, the new weights alone ${at(1)}).`;
}
