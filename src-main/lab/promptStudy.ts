import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { openPromptNetwork } from '#main/inference/promptNetwork.ts';
import { openScanPredictor, type ScanPredictor } from '#main/inference/scanPredictor.ts';
import { loadNetwork, loadPromptModel } from '#main/model/modelFolder.ts';
import type { RequestInput } from '#main/jobs/requests/index.ts';
import { alarmOf, runHere, type Caller } from '#main/jobs/run.ts';
import { drawCases, type Bed } from './bed.ts';
import { measureCases, openCases, type CaseStudy, type ReadCase, type StudyCases } from './caseStudy.ts';
import { learnLessons, type Lessons } from './promptLessons.ts';
import { holdOut, openProject, type AcceptedCases, type PointedProject } from './promptProject.ts';
import { acceptedArms, learnedArm, openArm, predictedArm, projectArm, taughtArm, type ArmName, type Known } from './promptArms.ts';
import { promptReport, summarisePrompts, type PromptRow, type PromptSummary } from './promptReport.ts';
import type { AskedNetwork } from '#shared/prompts/askNetwork.ts';
import { type Answerer, namedStructures, type NamedStructure, pointOut, structuresIn, truthOf } from '#shared/prompts/reader.ts';

export interface PromptStudy extends CaseStudy {
  readonly arms: readonly ArmName[];
  /** The network goes on with that many patients which do not measure, others for each seed, and is asked then. */
  readonly accepted?: AcceptedStudy | undefined;
}

export interface AcceptedStudy {
  readonly patients: number;
  readonly seeds: number;
  readonly budget: RequestInput<'trainPrompts'>['budget'];
}

/** A reader who knows the truth clicks at the middle of the largest error, up to ten times. Goes on with the cases that are not done yet. */
export async function runPromptStudy(study: PromptStudy, caller: Caller): Promise<{ report: string; summary: readonly PromptSummary[] }> {
  const { network } = study;
  const cases = await openCases(study, 'prompts');
  const accepted = await drawAccepted(study, cases, caller);
  const folders = {
    networks: [...(network === undefined ? [] : [network]), ...(await learnAll(study, learnedArm, cases.bed, accepted, caller))],
    models: await learnAll(study, predictedArm, cases.bed, accepted, caller),
    projects: await learnAll(study, projectArm, cases.bed, accepted, caller),
  };
  const lessons: Lessons[] = [];
  if (study.arms.includes(taughtArm))
    for (const [seed, { all }] of accepted.entries())
      lessons.push(await learnLessons(all, cases.bed, join(study.outFolder, 'work', 'lessons', String(seed)), caller));
  if (folders.networks.length + folders.models.length + folders.projects.length === 0)
    return pointOutAll(study, cases, { networks: [], models: [], projects: [], lessons }, caller);
  return withExecutor({ ...study, alarm: alarmOf(caller) }, async (executor) => {
    const networks: (AskedNetwork & Disposable)[] = [];
    const models: ScanPredictor[] = [];
    const projects: (PointedProject & { readonly model: ScanPredictor })[] = [];
    try {
      for (const folder of folders.networks) networks.push(await openPromptNetwork(executor, await loadPromptModel(folder)));
      for (const folder of folders.models) models.push(await openScanPredictor(executor, await loadNetwork(folder)));
      for (const [seed, folder] of folders.projects.entries()) {
        const model = await openScanPredictor(executor, await loadNetwork(folder));
        models.push(model);
        projects.push({ ...(await openProject(accepted[seed] as Accepted, cases.bed, model, folder, caller)), model });
      }
      return await pointOutAll(study, cases, { networks, models: models.slice(0, folders.models.length), projects, lessons }, caller);
    } finally {
      for (const each of [...networks, ...models]) each.dispose();
    }
  });
}

/** The accepted cases of a seed: all that was drawn, and how a project would have them. */
interface Accepted extends AcceptedCases {
  readonly all: Bed['labelled'];
}

async function drawAccepted({ accepted, arms }: PromptStudy, { bed, pool }: StudyCases, caller: Caller): Promise<Accepted[]> {
  const drawn: Accepted[] = [];
  for (let seed = 0; accepted !== undefined && seed < accepted.seeds; seed++) {
    const all = drawCases(pool, accepted.patients, seed, ({ name }) => name);
    drawn.push({ all, ...(arms.includes(projectArm) ? await holdOut(all, bed, seed, caller) : { training: all, heldOut: [] }) });
  }
  return drawn;
}

const folderNames = { [learnedArm]: 'learned', [predictedArm]: 'models', [projectArm]: 'projects' } as const;

/** Folders of what an arm learned from the accepted cases of each seed: the prompt network that went on, or a segmentation model of their masks. */
async function learnAll(
  { accepted, network, arms, outFolder, device, threads }: PromptStudy,
  arm: keyof typeof folderNames,
  bed: Bed,
  drawn: readonly Accepted[],
  caller: Caller,
): Promise<string[]> {
  if (accepted === undefined || !arms.includes(arm)) return [];
  const folders: string[] = [];
  for (const [seed, { all, training }] of drawn.entries()) {
    const folder = join(outFolder, 'work', folderNames[arm], String(seed));
    folders.push(folder);
    if (existsSync(join(folder, 'model.json'))) continue;
    const cases = (arm === projectArm ? training : all).map(({ name, image, labels }) => ({ name, image, labels }));
    const common = { cases, budget: accepted.budget, seed, device, threads };
    const where = { outFolder: folder, checkpointFolder: join(folder, 'training'), log: true };
    const { steps } =
      arm === learnedArm
        ? await runHere(
            'trainPrompts',
            { ...common, from: network, ...(bed.labels.length > 0 && { structures: namedStructures(bed.labels) }) },
            caller,
            where,
          )
        : await runHere(
            'train',
            { ...common, modality: bed.modality, variant: 'small', validationFraction: 0, keep: 'last' },
            caller,
            where,
          );
    caller.note(`${arm}, seed ${String(seed)}: ${String(steps)} steps with ${String(cases.length)} cases.`);
  }
  return folders;
}

/** `networks`: the one that is given, and what became of it with the accepted cases of each seed; `models`: what learned from those masks. */
async function pointOutAll(
  study: PromptStudy,
  cases: StudyCases,
  {
    networks: [network, ...learned],
    models,
    projects,
    lessons,
  }: {
    readonly networks: readonly AskedNetwork[];
    readonly models: readonly ScanPredictor[];
    readonly projects: readonly (PointedProject & { readonly model: ScanPredictor })[];
    readonly lessons: readonly Lessons[];
  },
  caller: Caller,
): Promise<{ report: string; summary: readonly PromptSummary[] }> {
  const measure = async ({ name, image, mask }: ReadCase): Promise<PromptRow[]> => {
    const predictions: Volume[] = [];
    for (const model of models) predictions.push((await model.predict([image], caller)).labels);
    const inProjects: Volume[] = [];
    for (const { model } of projects) inProjects.push((await model.predict([image], caller)).labels);
    /** For each seed. */
    const knownTo = (arm: ArmName, structure: NamedStructure): Known[] => {
      if (arm === learnedArm) return learned.map((asked) => ({ network: asked }));
      if (arm === taughtArm) return lessons.map((taught) => ({ lesson: taught.get(structure.name) ?? null }));
      if (arm === projectArm)
        return projects.map(({ lessons: taught, begins }, seed) => ({
          lesson: taught.get(structure.name) ?? null,
          predicted: begins(structure.name) ? truthOf(image, inProjects[seed] as Volume, structure) : undefined,
        }));
      return arm === predictedArm ? predictions.map((found) => ({ predicted: truthOf(image, found, structure) })) : [{ network }];
    };
    const own: PromptRow[] = [];
    for (const structure of structuresIn(mask.data, cases.bed.labels)) {
      const truth = truthOf(image, mask, structure);
      for (const arm of study.arms)
        for (const [seed, known] of knownTo(arm, structure).entries()) {
          throwIfCancelled(caller.cancellation);
          const seconds: number[] = [];
          const dice = await pointOut(timed(openArm(arm, image, truth, known), seconds), truth);
          own.push({ arm, case: name, ...(hasSeeds(arm) && { seed }), structure: structure.name, dice, seconds });
        }
    }
    return own;
  };
  const made = { phase: 'Pointing out in', measure, report: (rows: readonly PromptRow[]) => promptReport(study, rows) };
  const { report, rows } = await measureCases(study, cases, made, caller);
  return { report, summary: summarisePrompts(rows) };
}

const hasSeeds = (arm: ArmName): boolean => acceptedArms.some((each) => each === arm);

/** Keeps how long each answer took. */
function timed(arm: Answerer, seconds: number[]): Answerer {
  return {
    answer: async (click) => {
      const begun = performance.now();
      const answer = await arm.answer(click);
      seconds.push((performance.now() - begun) / 1000);
      return answer;
    },
  };
}
