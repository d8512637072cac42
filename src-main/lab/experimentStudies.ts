import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { decodeSafetensors, encodeSafetensors } from '#main/model/safetensors.ts';
import { variant } from '#main/model/variants.ts';
import type { Weights } from '#main/model/weights.ts';
import { randomWithEveryClass, rankByClass } from '#main/ranking/rankByClass.ts';
import { rankCases, type Strategy } from '#main/ranking/rankCases.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { cardOf } from '#main/training/trainingPlan.ts';
import type { PreparedScan } from '#main/training/preparation/scans.ts';
import { clusterScans } from '#main/training/pretrained/clusterScans.ts';
import { drawCases } from './bed.ts';
import type { Lab, Trial } from './experimentLab.ts';
import type { ExperimentContext, Trials } from './experimentTrials.ts';
import { changeOf, unchanged } from './recipeChange.ts';
import { pretrainedProfiles } from '#main/training/pretrained/pretrained.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { pretrainScans } from '#main/training/pretrained/pretrainScans.ts';
import { classDoubtsOfScans, uncertaintyOfScans, type UncertaintyMeasure } from './uncertaintyOfScans.ts';

export const studyNames = ['recipe', 'unlabelled', 'pretraining', 'active', 'ablation'] as const;
export type StudyName = (typeof studyNames)[number];

export interface Study {
  readonly title: string;
  /** Trainings that a seed takes. */
  readonly trialsPerSeed: (arms: number, rounds: number) => number;
  readonly run: (context: ExperimentContext, lab: Lab, trials: Trials, arms: readonly string[]) => Promise<void>;
}

export const studies: Readonly<Record<StudyName, Study>> = {
  recipe: { title: 'One change at a time', trialsPerSeed: (arms) => arms, run: studyRecipe },
  unlabelled: { title: 'With and without unlabelled scans', trialsPerSeed: (arms) => arms, run: studyUnlabelled },
  pretraining: { title: 'With and without pre-training', trialsPerSeed: (arms) => arms, run: studyPretraining },
  active: { title: 'Suggested against random cases', trialsPerSeed: (arms, rounds) => 1 + arms * rounds, run: studyActive },
  ablation: { title: 'Networks at equal budgets', trialsPerSeed: (arms) => arms, run: studyAblation },
};

interface Pretraining {
  readonly masking?: null;
  readonly clusterers?: number;
}

const pretrainingArms: Readonly<Record<string, Pretraining | null>> = {
  'from scratch': null,
  'pre-trained': {},
  'without masking': { masking: null },
  'one clusterer': { clusterers: 1 },
};

/** How the next cases are chosen: the ranking's strategy, and by which measure the model's doubt counts; or by what it predicts of each class. */
type ActiveArm = { readonly strategy: Strategy; readonly measure?: UncertaintyMeasure } | { readonly classes: 'doubted' | 'present' };
const activeArms: Readonly<Record<string, ActiveArm>> = {
  random: { strategy: 'random' },
  suggested: { strategy: 'suggested', measure: 'entropy' },
  entropy: { strategy: 'uncertainty', measure: 'entropy' },
  disagreement: { strategy: 'uncertainty', measure: 'disagreement' },
  diversity: { strategy: 'diversity' },
  'by class': { classes: 'doubted' },
  'random, every class': { classes: 'present' },
};

const unlabelledArms = ['labels alone', 'consistency'] as const;
const ablationArms = ['LoGoNet', 'ULKANet', 'U-Net'] as const;

/** The arms of a study, the one that the others are compared with first; of "recipe" also every change that changeOf reads. */
export function armsOf(study: StudyName): readonly string[] {
  return {
    recipe: [unchanged],
    unlabelled: unlabelledArms,
    pretraining: Object.keys(pretrainingArms),
    active: Object.keys(activeArms),
    ablation: ablationArms,
  }[study];
}

/** Those that were asked for, in order, the standard first; all unless any were. Throws `invalid-argument` for one that is none. */
export function chosenArms(study: StudyName, asked: readonly string[]): readonly string[] {
  const known = armsOf(study);
  if (study === 'recipe') {
    for (const arm of asked) changeOf(arm);
    return [...new Set([unchanged, ...asked])];
  }
  const unknown = asked.find((arm) => !known.includes(arm));
  if (unknown !== undefined)
    throw new StudioError('invalid-argument', `"${unknown}" is no arm of the study ${study}; it has: ${known.join(', ')}.`);
  return known.filter((arm) => asked.length === 0 || asked.includes(arm));
}

/** The labelled cases that a seed's trials begin with. */
function draw({ pool }: Lab, patients: number, seed: number): PreparedScan[] {
  return drawCases(pool, patients, seed, ({ id }) => id);
}

/** For each seed the same cases, first weights and batches in every arm; `differing`: what an arm has that is not the lab's own. */
async function studyArms(
  context: ExperimentContext,
  lab: Lab,
  trials: Trials,
  arms: readonly string[],
  differing: (arm: string, cases: readonly PreparedScan[], seed: number) => Partial<Trial> | Promise<Partial<Trial>>,
): Promise<void> {
  for (let seed = 0; seed < context.config.seeds; seed++) {
    const cases = draw(lab, context.config.labelled, seed);
    for (const arm of arms) {
      if (trials.has(arm, seed, cases.length)) continue;
      if (trials.over) return;
      const { outcome } = await trainAndTest(context, lab, trials, {
        architecture: lab.architecture,
        cases,
        seed,
        title: `${arm}, seed ${seed}`,
        ...(await differing(arm, cases, seed)),
      });
      await trials.add([{ arm, seed, labelled: cases.length, ...outcome }]);
    }
  }
}

/** The standard recipe, and it with one change each. */
function studyRecipe(context: ExperimentContext, lab: Lab, trials: Trials, arms: readonly string[]): Promise<void> {
  return studyArms(context, lab, trials, arms, (arm) => {
    const { network, shape, ...change } = changeOf(arm, lab.recipe);
    const base = network === undefined ? lab.architecture : variant(network, lab.architecture.classes);
    return { architecture: { ...base, ...shape }, ...change };
  });
}

/** The labels of a few patients alone, and beside the scans of all the others without their masks. */
function studyUnlabelled(context: ExperimentContext, lab: Lab, trials: Trials, arms: readonly string[]): Promise<void> {
  return studyArms(context, lab, trials, arms, (arm, cases) =>
    arm === 'labels alone' ? {} : { unlabelled: [...lab.pool.filter((each) => !cases.includes(each)), ...lab.unlabelled] },
  );
}

/** Trains within the study's budget and measures; all but the weights goes into the report. */
async function trainAndTest({ config }: ExperimentContext, lab: Lab, trials: Trials, trial: Omit<Trial, 'budget' | 'report'>) {
  const { weights, ...outcome } = await lab.trainAndTest({ ...trial, budget: config.budget, report: trials.report });
  return { weights, outcome };
}

/** Scratch against pre-trained, pre-trained without masking, and with one clusterer, from the same few labels. */
function studyPretraining(context: ExperimentContext, lab: Lab, trials: Trials, arms: readonly string[]): Promise<void> {
  return studyArms(context, lab, trials, arms, async (arm, _cases, seed) => {
    const settings = pretrainingArms[arm] ?? null;
    return settings === null ? {} : { start: await backbone(context, lab, trials, seed, settings) };
  });
}

/** Pre-trained on everything but the test cases, without looking at any mask. */
async function backbone(context: ExperimentContext, lab: Lab, trials: Trials, seed: number, settings: Pretraining): Promise<Weights> {
  const { config } = context;
  const { architecture, labelSet, classToLabel, plan, executor } = lab;
  const pretrainedFolder = join(context.checkpointFolder, `learned-${settings.clusterers ?? 'fitted'}-${seed}`);
  await mkdir(pretrainedFolder, { recursive: true });
  const { folder } = await pretrainScans(
    {
      executor,
      card: cardOf({ variant: config.variant, architecture, labelSet, classToLabel }, plan),
      batch: plan.batch,
      scans: [...lab.pool, ...lab.unlabelled],
      pretrainedFolder,
      budget: config.pretrainBudget ?? config.budget,
      seed,
      ...settings,
    },
    {
      ...context,
      point: () => undefined,
      report: ({ phase, detail }) => {
        trials.report({ phase, fraction: 0, ...(detail !== undefined && { detail }) });
      },
    },
  );
  return (await loadModel(folder)).weights;
}

/** LoGoNet, its global branch alone, and a plain U-Net, with the same labels and budget. */
function studyAblation(context: ExperimentContext, lab: Lab, trials: Trials, arms: readonly string[]): Promise<void> {
  const architectures: Readonly<Record<string, Lab['architecture']>> = {
    LoGoNet: lab.architecture,
    ULKANet: { ...lab.architecture, network: 'ulkanet' },
    'U-Net': variant('unet', lab.architecture.classes, lab.architecture.inChannels),
  };
  return studyArms(context, lab, trials, arms, (arm) => ({ architecture: architectures[arm] ?? lab.architecture }));
}

/** From the same first cases, each strategy chooses what is labelled next; every round resumes from the model before, as the product does. */
async function studyActive(context: ExperimentContext, lab: Lab, trials: Trials, arms: readonly string[]): Promise<void> {
  const { config, checkpointFolder } = context;
  const pretrained = join(checkpointFolder, 'learned');
  await mkdir(pretrained, { recursive: true });
  await clusterScans(lab.executor, lab.pool, pretrained, { clusterers: 8, largestK: 500, seed: 0 }, context);
  const choice = new Choice(context, lab, pretrainedProfiles(pretrained));
  /** One training for all of `sharing`, which differ only in what they choose from its result. */
  const round = async (
    sharing: readonly string[],
    cases: readonly PreparedScan[],
    seed: number,
    last: boolean,
    before?: number,
  ): Promise<void> => {
    const count = cases.length;
    const unmeasured = sharing.filter((arm) => !trials.has(arm, seed, count));
    const undecided: string[] = [];
    if (!last) for (const arm of sharing) if ((await choice.made(arm, seed, count)) === undefined) undecided.push(arm);
    if (unmeasured.length === 0 && undecided.length === 0) return;
    const start = before === undefined ? undefined : await choice.weights(sharing[0] ?? '', seed, before);
    const { weights, outcome } = await trainAndTest(context, lab, trials, {
      architecture: lab.architecture,
      cases,
      seed,
      title: `${sharing.length > 1 ? 'all' : (sharing[0] ?? '')}, ${count} labelled, seed ${seed}`,
      ...(start && { start }),
    });
    await choice.make(undecided, seed, cases, weights);
    await trials.add(unmeasured.map((arm) => ({ arm, seed, labelled: count, ...outcome, ...(sharing.length > 1 && { shared: true }) })));
  };
  for (let seed = 0; seed < config.seeds; seed++) {
    const first = draw(lab, config.labelled, seed);
    if (trials.over) return;
    await round(arms, first, seed, false);
    for (const arm of arms) {
      let cases = first;
      for (let number = 1; number <= config.rounds; number++) {
        const before = cases.length;
        const added = (await choice.made(arm, seed, before)) ?? [];
        cases = [...cases, ...lab.pool.filter(({ id }) => added.includes(id))];
        if (trials.over) return;
        await round([arm], cases, seed, number === config.rounds, before);
      }
    }
  }
}

/** What each arm labels next and the model that it chose with, kept on disk so that an interrupted experiment goes on with the same. */
class Choice {
  readonly #context: ExperimentContext;
  readonly #lab: Lab;
  readonly #profiles: ReturnType<typeof pretrainedProfiles>;

  constructor(context: ExperimentContext, lab: Lab, profiles: ReturnType<typeof pretrainedProfiles>) {
    this.#context = context;
    this.#lab = lab;
    this.#profiles = profiles;
  }

  async made(arm: string, seed: number, labelled: number): Promise<string[] | undefined> {
    return readFile(this.#file(arm, seed, labelled, 'json'), 'utf8').then(
      (text) => JSON.parse(text) as string[],
      () => undefined,
    );
  }

  /** Of the model that a choice was made with. */
  async weights(arm: string, seed: number, labelled: number): Promise<Weights> {
    return decodeSafetensors(await readFile(this.#file(arm, seed, labelled, 'safetensors'))).tensors;
  }

  /** For arms that come from the same training. */
  async make(arms: readonly string[], seed: number, accepted: readonly PreparedScan[], weights: Weights): Promise<void> {
    const open = this.#lab.pool.filter(({ id }) => !accepted.some((each) => each.id === id));
    const doubts = new Map<UncertaintyMeasure, Map<string, number>>();
    let classDoubts: Map<string, (number | null)[]> | undefined;
    for (const arm of arms) {
      const how = activeArms[arm] ?? { strategy: 'random' };
      const request = { acceptedCases: accepted.length, places: this.#context.config.added, seed: seed * 1000 + accepted.length };
      const profile = ({ id }: PreparedScan) => this.#profiles.get(id) ?? null;
      let chosen: string[];
      if ('classes' in how) {
        const seen = (classDoubts ??= await classDoubtsOfScans(this.#context, this.#lab, open, weights));
        const candidates = open.map((each) => ({ id: each.id, doubts: seen.get(each.id) ?? [], profile: profile(each) }));
        chosen = (how.classes === 'doubted' ? rankByClass : randomWithEveryClass)({ ...request, candidates });
      } else {
        const { strategy, measure } = how;
        if (measure !== undefined && !doubts.has(measure))
          doubts.set(measure, await uncertaintyOfScans(this.#context, this.#lab, open, weights, measure));
        const doubt = measure === undefined ? undefined : doubts.get(measure);
        const candidates = open.map((each) => ({ id: each.id, uncertainty: doubt?.get(each.id) ?? null, profile: profile(each) }));
        const ranked = rankCases({ candidates, accepted: accepted.flatMap((each) => profile(each) ?? []), strategy, seed: request.seed });
        chosen = ranked.slice(0, request.places).map(({ id }) => id);
      }
      await writeFileAtomically(this.#file(arm, seed, accepted.length, 'safetensors'), encodeSafetensors(weights));
      await writeFileAtomically(this.#file(arm, seed, accepted.length, 'json'), JSON.stringify(chosen));
    }
  }

  #file(arm: string, seed: number, labelled: number, ending: string): string {
    return join(this.#context.checkpointFolder, `chosen-${arm}-${seed}-${labelled}.${ending}`);
  }
}
