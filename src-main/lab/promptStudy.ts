import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { bootstrapMean } from '#shared/domain/comparison.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { readMask } from '#main/imageio/readMask.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { openPromptNetwork } from '#main/inference/promptNetwork.ts';
import { loadPromptModel } from '#main/model/modelFolder.ts';
import type { Caller } from '#main/jobs/run.ts';
import { patientOf, readBed, splitCases, type BedSource } from './bed.ts';
import { spread } from './experimentPlot.ts';
import { intervalText, writeReport, type Report } from './experimentReport.ts';
import { keepSettings } from './experimentTrials.ts';
import { armNames, openArm, type ArmName } from './promptArms.ts';
import type { AskedNetwork } from '#shared/prompts/askNetwork.ts';
import { diceOf, nextClick, type Structure } from '#shared/prompts/nextClick.ts';

export interface PromptStudy extends BedSource {
  readonly outFolder: string;
  /** Patients that are measured, the same for every arm. */
  readonly testCases: number;
  readonly arms: readonly ArmName[];
  /** Folder of a prompt network, for its arm. */
  readonly network?: string | undefined;
  readonly device: string;
  readonly threads?: number | undefined;
}

/** One structure of one case, pointed out by one arm: Dice and seconds after each click, the last one repeated once nothing is wrong. */
export interface PromptRow {
  readonly arm: ArmName;
  readonly case: string;
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

const mostClicks = 10;
const looked = [1, 3, 5, 10] as const;

/** A reader who knows the truth clicks at the middle of the largest error, up to ten times. Goes on with the cases that are not done yet. */
export async function runPromptStudy(study: PromptStudy, caller: Caller): Promise<{ report: string; summary: readonly PromptSummary[] }> {
  if (study.network === undefined) return pointOutAll(study, null, caller);
  const model = await loadPromptModel(study.network);
  return withExecutor(study, async (executor) => {
    const network = await openPromptNetwork(executor, model);
    try {
      return await pointOutAll(study, network, caller);
    } finally {
      network.dispose();
    }
  });
}

async function pointOutAll(
  study: PromptStudy,
  network: AskedNetwork | null,
  caller: Caller,
): Promise<{ report: string; summary: readonly PromptSummary[] }> {
  const { outFolder, testCases, arms } = study;
  const work = join(outFolder, 'work');
  await mkdir(work, { recursive: true });
  const settings = {
    dataset: study.dataset,
    labels: study.labels,
    channel: study.channel,
    testCases,
    arms,
    ...(study.network !== undefined && { network: study.network }),
  };
  await keepSettings(join(work, 'settings.json'), JSON.stringify(settings), 'prompts');
  const bed = await readBed({ ...study, channel: study.channel ?? 0 });
  const cases = bed.test ?? splitCases(bed.labelled, testCases, ({ name }) => name).test;
  const rows: PromptRow[] = [];
  for (const [index, each] of cases.entries()) {
    throwIfCancelled(caller.cancellation);
    caller.report({ phase: `Pointing out in ${each.name}`, fraction: index / cases.length });
    const kept = join(work, `${each.name}.json`);
    const before = await readFile(kept, 'utf8').catch(() => null);
    if (before !== null) {
      rows.push(...(JSON.parse(before) as PromptRow[]));
      continue;
    }
    const { volume: image } = await readImage(each.image, { cancellation: caller.cancellation });
    const { volume: mask } = await readMask(each.labels, caller.cancellation);
    const own: PromptRow[] = [];
    for (const { values, name } of structuresOf(mask, bed.labels)) {
      const truth = { grid: image.grid, data: Uint8Array.from(mask.data, (label) => (values.has(label) ? 1 : 0)) };
      for (const arm of arms) {
        throwIfCancelled(caller.cancellation);
        own.push({ arm, case: each.name, structure: name, ...(await pointOut(arm, image, truth, network)) });
      }
    }
    await writeFileAtomically(kept, JSON.stringify(own));
    rows.push(...own);
    await writeReport(outFolder, promptReport(study, rows));
  }
  await writeReport(outFolder, promptReport(study, rows));
  return { report: join(outFolder, 'report.md'), summary: summarisePrompts(rows) };
}

/** Structures of a mask; labels of one name are one structure. */
function structuresOf({ data }: Volume, labels: readonly { readonly value: number; readonly name: string }[]) {
  const present = new Set<number>(data);
  present.delete(0);
  const all = labels.length > 0 ? labels : [...present].sort((a, b) => a - b).map((value) => ({ value, name: `Label ${String(value)}` }));
  return [
    ...Map.groupBy(
      all.filter(({ value }) => present.has(value)),
      ({ name }) => name,
    ),
  ].map(([name, own]) => ({ name, values: new Set(own.map(({ value }) => value)) }));
}

async function pointOut(
  name: ArmName,
  image: Volume,
  truth: Structure,
  network: AskedNetwork | null,
): Promise<Pick<PromptRow, 'dice' | 'seconds'>> {
  const arm = openArm(name, image, truth, network);
  const dice: number[] = [];
  const seconds: number[] = [];
  let proposed: Structure = { grid: truth.grid, data: new Uint8Array(truth.data.length) };
  while (dice.length < mostClicks) {
    const click = nextClick(truth, proposed);
    if (click === null) dice.push(1);
    else {
      const begun = performance.now();
      proposed = await arm.answer(click);
      seconds.push((performance.now() - begun) / 1000);
      dice.push(diceOf(truth, proposed));
    }
  }
  return { dice, seconds };
}

const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : spread(values).mean);

const clicksTo = (wanted: number, { dice }: PromptRow): number => {
  const at = dice.findIndex((value) => value >= wanted);
  return at < 0 ? mostClicks + 1 : at + 1;
};

/** Of every structure and arm, structures in the order of their labels. */
export function summarisePrompts(rows: readonly PromptRow[]): PromptSummary[] {
  const structures = [...new Set(rows.map(({ structure }) => structure))];
  return structures.flatMap((structure) =>
    armNames.flatMap((arm): PromptSummary[] => {
      const own = rows.filter((row) => row.structure === structure && row.arm === arm);
      if (own.length === 0) return [];
      const after = (clicks: number): number => mean(own.map(({ dice }) => dice[clicks - 1] ?? 0));
      return [
        {
          arm,
          structure,
          cases: own.length,
          dice: [after(1), after(3), after(5), after(10)],
          clicksTo85: mean(own.map((row) => clicksTo(0.85, row))),
          clicksTo90: mean(own.map((row) => clicksTo(0.9, row))),
          firstSeconds: mean(own.flatMap(({ seconds }) => seconds.slice(0, 1))),
          nextSeconds: mean(own.flatMap(({ seconds }) => seconds.slice(1))),
        },
      ];
    }),
  );
}

/** Points of Dice after so many clicks that the second arm has more than the first, over patients: mean and 95% bootstrap interval. */
function ahead(rows: readonly PromptRow[], first: ArmName, second: ArmName, clicks: number) {
  const differences = rows
    .filter(({ arm }) => arm === second)
    .flatMap((row) => {
      const other = rows.find((each) => each.arm === first && each.case === row.case && each.structure === row.structure);
      return other === undefined
        ? []
        : [{ patient: patientOf(row.case), value: (row.dice[clicks - 1] ?? 0) - (other.dice[clicks - 1] ?? 0) }];
    });
  return bootstrapMean([...Map.groupBy(differences, ({ patient }) => patient).values()].map((own) => mean(own.map(({ value }) => value))));
}

function promptReport({ dataset, arms }: PromptStudy, rows: readonly PromptRow[]): Report {
  const summary = summarisePrompts(rows);
  const figure = (value: number): string => value.toFixed(3).replace(/^0/, '');
  const compared = arms.slice(0, -1).map((first) => {
    const second = arms.at(-1) as ArmName;
    const over = looked.map((clicks) => `${String(clicks)}: ${intervalText(ahead(rows, first, second, clicks))}`);
    return `${second} against ${first}, points of Dice (95% over patients) after so many clicks: ${over.join('; ')}.`;
  });
  return {
    title: 'Structures that are pointed out',
    description: [
      `${dataset}: ${String(new Set(rows.map((row) => row.case)).size)} cases. A reader who knows the truth clicks at the deepest place of the largest connected error, up to ${String(mostClicks)} times. A structure that does not get to a Dice within them counts as ${String(mostClicks + 1)} clicks.`,
      'Region growing has a tolerance of 10% of the image’s range (1st to 99th percentile), or, as “best tolerance”, after each click that of seven between 2 and 30% which agrees best with the truth.',
      ...compared,
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
          values: [mean(rows.filter((row) => row.structure === structure && row.arm === arm).map(({ dice }) => dice[clicks - 1] ?? 0))],
        })),
      })),
    })),
    results: { summary, rows },
  };
}
