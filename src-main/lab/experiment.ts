import { join } from 'node:path';
import * as v from 'valibot';
import { contrastRules, sliceRules } from '#shared/domain/trainConfig.ts';
import { StudioError } from '#shared/base/errors.ts';
import { slicesText } from '#main/training/trainingPlan.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { drawCases, patientOf } from './bed.ts';
import { openLab } from './experimentLab.ts';
import { budgetText, summariseTrials, type ArmSummary } from './experimentReport.ts';
import { chosenArms, studies, studyNames } from './experimentStudies.ts';
import { Trials, type ExperimentContext } from './experimentTrials.ts';

const positive = v.pipe(v.number(), v.gtValue(0));
const atLeastOne = v.pipe(v.number(), v.integer(), v.minValue(1));
const budget = v.union([v.object({ minutes: positive }), v.object({ steps: positive })]);
const configSchema = v.object({
  study: v.picklist(studyNames),
  dataset: v.string(),
  labels: v.optional(v.array(v.string()), []),
  channel: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Folder of the set that has the masks that train, instead of labelsTr. */
  masks: v.optional(v.string()),
  /** Label value of voxels that nobody marked. */
  ignore: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255))),
  patch: v.optional(v.tuple([atLeastOne, atLeastOne, atLeastOne])),
  batch: v.optional(atLeastOne),
  slices: v.optional(v.picklist(sliceRules)),
  contrast: v.optional(v.picklist(contrastRules)),
  spacing: v.optional(v.tuple([positive, positive, positive])),
  /** Those of the study that run, by name; all unless given. */
  arms: v.optional(v.array(v.string()), []),
  variant: v.optional(v.string(), 'small'),
  device: v.optional(v.string(), 'cpu'),
  threads: v.optional(v.number()),
  /** Patients that are set aside for testing, where the set has no test cases of its own. */
  testCases: v.optional(atLeastOne, 20),
  /** Labelled patients that train ("active": at the start). */
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

/** Throws `invalid-argument`. */
export function parseExperiment(config: unknown): ExperimentConfig {
  const parsed = v.safeParse(configSchema, config);
  if (!parsed.success)
    throw new StudioError('invalid-argument', 'The settings of this experiment are not valid.', { detail: v.summarize(parsed.issues) });
  chosenArms(parsed.output.study, parsed.output.arms);
  return parsed.output;
}

/** Reruns the paper's kind of tables on the person's own data; `outFolder` gets report.md, results.json and plot.svg, growing with each trial. */
export async function runExperiment(context: ExperimentContext): Promise<ExperimentResult> {
  const { config } = context;
  const lab = await openLab(config, context);
  try {
    const { title, trialsPerSeed, run } = studies[config.study];
    const arms = chosenArms(config.study, config.arms);
    const split = splitOf(config, lab);
    await writeFileAtomically(join(context.outFolder, 'split.json'), JSON.stringify(split, null, 2));
    const trials = await Trials.open(context, {
      title,
      description: [...describe(config, lab), ...splitText(split)],
      total: config.seeds * trialsPerSeed(arms.length, config.rounds),
    });
    await run(context, lab, trials, arms);
    return {
      study: config.study,
      report: join(context.outFolder, 'report.md'),
      summary: summariseTrials(trials.rows),
      missing: trials.missing,
    };
  } finally {
    lab.close();
  }
}

/** By patient. */
interface Split {
  readonly test: readonly string[];
  /** Those that train, for each seed. */
  readonly labelled: readonly (readonly string[])[];
}

function splitOf({ seeds, labelled }: ExperimentConfig, { pool, test }: Awaited<ReturnType<typeof openLab>>): Split {
  const patients = (cases: readonly { readonly id: string }[]): string[] => [...new Set(cases.map(({ id }) => patientOf(id)))];
  const drawn = Array.from({ length: seeds }, (_, seed) => patients(drawCases(pool, labelled, seed, ({ id }) => id)));
  return { test: patients(test), labelled: drawn };
}

const splitText = ({ test, labelled }: Split): string[] => [
  `Patients that only measure: ${test.join(', ')}.`,
  `Patients that train, by seed: ${labelled.map((patients, seed) => `${seed}: ${patients.join(', ')}`).join('; ')}.`,
];

function describe(config: ExperimentConfig, { plan, pool, test, unlabelled, executor }: Awaited<ReturnType<typeof openLab>>): string[] {
  const pretraining =
    config.study !== 'pretraining'
      ? ''
      : ` Pre-training: ${budgetText(config.pretrainBudget ?? config.budget)}, on ${pool.length + unlabelled.length} scans without their masks.`;
  return [
    `Data: ${pool.length + test.length} labelled cases, ${test.length} of them for testing only (the same in every trial), ${unlabelled.length} unlabelled. Labelled cases that train are drawn again for each seed.`,
    `Each training: ${budgetText(config.budget)}, patch ${plan.patch.join('×')}, batch ${plan.batch}, network "${config.variant}", on ${executor.description}.${config.study === 'active' ? ' Each round resumes from the model before it.' : pretraining}`,
    ...(plan.channels === undefined ? [] : [`Images of each case: ${plan.channels.map(({ name }) => name).join(', ')}.`]),
    ...(plan.slices === undefined ? [] : [slicesText(plan.spacing, plan.slices)]),
  ];
}
