import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { bootstrapMean } from '#shared/domain/comparison.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { openPromptNetwork } from '#main/inference/promptNetwork.ts';
import { openScanPredictor, type ScanPredictor } from '#main/inference/scanPredictor.ts';
import { loadNetwork, loadPromptModel } from '#main/model/modelFolder.ts';
import type { RequestInput } from '#main/jobs/requests/index.ts';
import { alarmOf, runHere, type Caller } from '#main/jobs/run.ts';
import { drawCases, patientOf } from './bed.ts';
import { measureCases, openCases, type CaseStudy, type ReadCase, type StudyCases } from './caseStudy.ts';
import { meanOf } from './experimentPlot.ts';
import { budgetText, intervalText, type Report } from './experimentReport.ts';
import { learnLessons, type Lessons } from './promptLessons.ts';
import { armNames, learnedArm, openArm, predictedArm, taughtArm, type ArmName, type Known } from './promptArms.ts';
import type { AskedNetwork } from '#shared/prompts/askNetwork.ts';
import {
  clicksTo,
  mostClicks,
  type Answerer,
  namedStructures,
  type NamedStructure,
  pointOut,
  structuresIn,
  truthOf,
  wantedDice,
} from '#shared/prompts/reader.ts';

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

/** One structure of one case, pointed out by one arm: Dice and seconds after each click, the last one repeated once nothing is wrong. */
export interface PromptRow {
  readonly arm: ArmName;
  readonly case: string;
  /** Of the accepted cases that were learned from. */
  readonly seed?: number;
  readonly structure: string;
  readonly dice: readonly number[];
  readonly seconds: readonly number[];
}

export interface PromptSummary {
  readonly arm: ArmName;
  readonly structure: string;
  readonly cases: number;
  /** Mean Dice after 1, 3, 5 and 10 clicks. */
  readonly dice: readonly [number, number, number, number];
  /** Mean number of clicks to Dice .85 and .90; 11 where ten do not reach it. */
  readonly clicksTo85: number;
  readonly clicksTo90: number;
  readonly firstSeconds: number;
  readonly nextSeconds: number;
}

const looked = [1, 3, 5, 10] as const;

/** A reader who knows the truth clicks at the middle of the largest error, up to ten times. Goes on with the cases that are not done yet. */
export async function runPromptStudy(study: PromptStudy, caller: Caller): Promise<{ report: string; summary: readonly PromptSummary[] }> {
  const { network } = study;
  const cases = await openCases(study, 'prompts');
  const folders = {
    networks: [...(network === undefined ? [] : [network]), ...(await learnAll(study, learnedArm, cases, caller))],
    models: await learnAll(study, predictedArm, cases, caller),
  };
  const lessons = await learnLessons(study, cases, caller);
  if (folders.networks.length + folders.models.length === 0)
    return pointOutAll(study, cases, { networks: [], models: [], lessons }, caller);
  return withExecutor({ ...study, alarm: alarmOf(caller) }, async (executor) => {
    const networks: (AskedNetwork & Disposable)[] = [];
    const models: ScanPredictor[] = [];
    try {
      for (const folder of folders.networks) networks.push(await openPromptNetwork(executor, await loadPromptModel(folder)));
      for (const folder of folders.models) models.push(await openScanPredictor(executor, await loadNetwork(folder)));
      return await pointOutAll(study, cases, { networks, models, lessons }, caller);
    } finally {
      for (const each of [...networks, ...models]) each.dispose();
    }
  });
}

/** Folders of what an arm learned from the accepted cases of each seed: the prompt network that went on, or a segmentation model of their masks. */
async function learnAll(
  { accepted, network, arms, outFolder, device, threads }: PromptStudy,
  arm: ArmName,
  { bed, pool }: StudyCases,
  caller: Caller,
): Promise<string[]> {
  const folders: string[] = [];
  for (let seed = 0; accepted !== undefined && arms.includes(arm) && seed < accepted.seeds; seed++) {
    const folder = join(outFolder, 'work', arm === learnedArm ? 'learned' : 'models', String(seed));
    folders.push(folder);
    if (existsSync(join(folder, 'model.json'))) continue;
    const cases = drawCases(pool, accepted.patients, seed, ({ name }) => name).map(({ name, image, labels }) => ({ name, image, labels }));
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
    lessons,
  }: { readonly networks: readonly AskedNetwork[]; readonly models: readonly ScanPredictor[]; readonly lessons: readonly Lessons[] },
  caller: Caller,
): Promise<{ report: string; summary: readonly PromptSummary[] }> {
  const measure = async ({ name, image, mask }: ReadCase): Promise<PromptRow[]> => {
    const predictions: Volume[] = [];
    for (const model of models) predictions.push((await model.predict([image], caller)).labels);
    /** For each seed. */
    const knownTo = (arm: ArmName, structure: NamedStructure): Known[] => {
      if (arm === learnedArm) return learned.map((asked) => ({ network: asked }));
      if (arm === taughtArm) return lessons.map((taught) => ({ lesson: taught.get(structure.name) ?? null }));
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

const hasSeeds = (arm: ArmName): boolean => arm === learnedArm || arm === predictedArm || arm === taughtArm;

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

/** Of every structure and arm, structures in the order of their labels. */
export function summarisePrompts(rows: readonly PromptRow[]): PromptSummary[] {
  const structures = [...new Set(rows.map(({ structure }) => structure))];
  return structures.flatMap((structure) =>
    armNames.flatMap((arm): PromptSummary[] => {
      const own = rows.filter((row) => row.structure === structure && row.arm === arm);
      if (own.length === 0) return [];
      const after = (clicks: number): number => meanOf(own.map(({ dice }) => dice[clicks - 1] ?? 0));
      return [
        {
          arm,
          structure,
          cases: new Set(own.map((row) => row.case)).size,
          dice: [after(1), after(3), after(5), after(10)],
          clicksTo85: meanOf(own.map((row) => clicksTo(wantedDice, row.dice))),
          clicksTo90: meanOf(own.map((row) => clicksTo(0.9, row.dice))),
          firstSeconds: meanOf(own.flatMap(({ seconds }) => seconds.slice(0, 1))),
          nextSeconds: meanOf(own.flatMap(({ seconds }) => seconds.slice(1))),
        },
      ];
    }),
  );
}

/** By how much the second arm has more than the first, over patients: mean and 95% bootstrap interval. */
function ahead(rows: readonly PromptRow[], first: ArmName, second: ArmName, of: (row: PromptRow) => number) {
  const differences = rows
    .filter(({ arm }) => arm === second)
    .flatMap((row) => {
      const other = rows.find((each) => each.arm === first && each.case === row.case && each.structure === row.structure);
      return other === undefined ? [] : [{ patient: patientOf(row.case), value: of(row) - of(other) }];
    });
  return bootstrapMean(
    [...Map.groupBy(differences, ({ patient }) => patient).values()].map((own) => meanOf(own.map(({ value }) => value))),
  );
}

/** Clicks to .85 before and after, over all structures, paired. */
function acceptedText({ patients, seeds, budget }: AcceptedStudy, arms: readonly ArmName[], rows: readonly PromptRow[]): string[] {
  const clicks = ({ dice }: PromptRow): number => clicksTo(wantedDice, dice);
  const of = (arm: ArmName): string => meanOf(rows.filter((row) => row.arm === arm).map(clicks)).toFixed(2);
  const pairs = [
    ['prompt network', learnedArm, 'The network went on'],
    ['case classifier', predictedArm, 'A model learned'],
    ['case classifier', taughtArm, null],
  ] as const;
  return pairs.flatMap(([before, after, what]) => {
    if (!arms.includes(before) || !arms.includes(after)) return [];
    const { mean: less = 0, low = 0, high = 0 } = ahead(rows, before, after, clicks) ?? {};
    return [
      `${what === null ? 'A lesson was learned from' : `${what} for ${budgetText(budget)} with`} ${String(patients)} accepted patients, others for each of ${String(seeds)} seeds: clicks to .85 over all structures ${of(before)} before (${before}) and ${of(after)} after, a difference of ${less.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, 95% over patients).`,
    ];
  });
}

function promptReport({ dataset, arms, accepted }: PromptStudy, rows: readonly PromptRow[]): Report {
  const summary = summarisePrompts(rows);
  const figure = (value: number): string => value.toFixed(3).replace(/^0/, '');
  const compared = arms.slice(0, -1).map((first) => {
    const second = arms.at(-1) as ArmName;
    const over = looked.map(
      (clicks) => `${String(clicks)}: ${intervalText(ahead(rows, first, second, ({ dice }) => dice[clicks - 1] ?? 0))}`,
    );
    return `${second} against ${first}, points of Dice (95% over patients) after so many clicks: ${over.join('; ')}.`;
  });
  return {
    title: 'Structures that are pointed out',
    description: [
      `${dataset}: ${String(new Set(rows.map((row) => row.case)).size)} cases. A reader who knows the truth clicks at the deepest place of the largest connected error, up to ${String(mostClicks)} times. A structure that does not get to a Dice within them counts as ${String(mostClicks + 1)} clicks.`,
      'Region growing has a tolerance of 10% of the image’s range (1st to 99th percentile), or, as “best tolerance”, after each click that of seven between 2 and 30% which agrees best with the truth.',
      ...compared,
      ...(accepted === undefined ? [] : acceptedText(accepted, arms, rows)),
    ],
    header: ['structure', 'arm', 'cases', 'Dice after 1', '3', '5', '10', 'clicks to .85', 'to .90', 's, first', 's, further'],
    rows: summary.map((each) => [
      each.structure,
      each.arm,
      String(each.cases),
      ...each.dice.map(figure),
      each.clicksTo85.toFixed(1),
      each.clicksTo90.toFixed(1),
      each.firstSeconds.toFixed(2),
      each.nextSeconds.toFixed(2),
    ]),
    charts: [...new Set(rows.map(({ structure }) => structure))].map((structure) => ({
      title: structure,
      measure: 'mean Dice',
      along: 'clicks',
      places: looked.map(String),
      least: 0,
      most: 1,
      series: arms.map((arm) => ({
        name: arm,
        points: looked.map((clicks) => ({
          place: String(clicks),
          values: [meanOf(rows.filter((row) => row.structure === structure && row.arm === arm).map(({ dice }) => dice[clicks - 1] ?? 0))],
        })),
      })),
    })),
    results: { summary, rows },
  };
}
