import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { Task } from '../task.ts';
import { openLab } from './experimentLab.ts';
import { summariseTrials, type ArmSummary } from './experimentReport.ts';
import { armsOf, studies, studyNames } from './experimentStudies.ts';
import { Trials } from './experimentTrials.ts';

const positive = v.pipe(v.number(), v.gtValue(0));
const atLeastOne = v.pipe(v.number(), v.integer(), v.minValue(1));
const budget = v.union([v.object({ minutes: positive }), v.object({ steps: positive })]);
const configSchema = v.object({
  study: v.picklist(studyNames),
  dataset: v.string(),
  /** Those of the study that run, by name; all unless given. */
  arms: v.optional(v.array(v.string()), []),
  variant: v.optional(v.string(), 'small'),
  device: v.optional(v.string(), 'cpu'),
  threads: v.optional(v.number()),
  testCases: v.optional(atLeastOne, 20),
  /** Labelled cases that train ("active": at the start). */
  labelled: v.optional(atLeastOne, 5),
  seeds: v.optional(v.pipe(atLeastOne, v.maxValue(100)), 3),
  /** Of each training, the same in every arm. */
  budget,
  pretrainBudget: v.optional(budget),
  /** "active": cases added in a round, and rounds. */
  added: v.optional(atLeastOne, 2),
  rounds: v.optional(atLeastOne, 3),
  /** Minutes of wall-clock after which no further training begins; what is missing is made by running the same again. */
  within: v.optional(v.pipe(v.number(), v.minValue(0))),
});
export type ExperimentConfig = v.InferOutput<typeof configSchema>;

export interface ExperimentResult {
  readonly study: string;
  readonly report: string;
  readonly summary: readonly ArmSummary[];
  /** Trainings that `within` left for another time. */
  readonly missing: number;
}

/** Reruns the paper's kind of tables on the person's own data; `outFolder` gets report.md, results.json and plot.svg, growing with each trial. */
export const experimentTask: Task<ExperimentConfig, ExperimentResult> = {
  kind: 'experiment',
  parse(config) {
    const parsed = v.safeParse(configSchema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', 'The settings of this experiment are not valid.', { detail: v.summarize(parsed.issues) });
    const { study, arms } = parsed.output;
    const unknown = arms.find((arm) => !armsOf(study).includes(arm));
    if (unknown !== undefined) throw new StudioError('invalid-argument', `"${unknown}" is no arm of the study ${study}; it has: ${armsOf(study).join(', ')}.`);
    return parsed.output;
  },
  async run(context) {
    const { config } = context;
    const lab = await openLab(config, context);
    try {
      const { title, trialsPerSeed, run } = studies[config.study];
      const arms = armsOf(config.study).filter((arm) => config.arms.length === 0 || config.arms.includes(arm));
      const trials = await Trials.open(context, { title, description: describe(config, lab), total: config.seeds * trialsPerSeed(arms.length, config.rounds) });
      await run(context, lab, trials, arms);
      return { study: config.study, report: join(context.outFolder, 'report.md'), summary: summariseTrials(trials.rows), missing: trials.missing };
    } finally {
      lab.close();
    }
  },
};

function describe(config: ExperimentConfig, { plan, pool, test, unlabelled, executor }: Awaited<ReturnType<typeof openLab>>): string[] {
  const amount = (each: ExperimentConfig['budget']): string => ('minutes' in each ? `${each.minutes} minutes` : `${each.steps} steps`);
  const pretraining = config.study !== 'pretraining' ? '' : ` Pre-training: ${amount(config.pretrainBudget ?? config.budget)}, on ${pool.length + unlabelled.length} scans without their masks.`;
  return [
    `Data: ${pool.length + test.length} labelled cases, ${test.length} of them for testing only (the same in every trial), ${unlabelled.length} unlabelled. Labelled cases that train are drawn anew for each seed.`,
    `Each training: ${amount(config.budget)}, patch ${plan.patch.join('×')}, batch ${plan.batch}, network "${config.variant}", on ${executor.description}.${config.study === 'active' ? ' Each round goes on from the model before it.' : pretraining}`,
  ];
}
