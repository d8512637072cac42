import { bootstrapMean } from '#shared/domain/comparison.ts';
import { clicksTo, mostClicks, wantedDice } from '#shared/prompts/reader.ts';
import { patientOf } from './bed.ts';
import { meanOf } from './experimentPlot.ts';
import { budgetText, intervalText, type Report } from './experimentReport.ts';
import { armNames, learnedArm, predictedArm, projectArm, taughtArm, type ArmName } from './promptArms.ts';
import type { AcceptedStudy, PromptStudy } from './promptStudy.ts';

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
    ['case classifier', projectArm, 'Held-out cases apart, a model learned'],
  ] as const;
  return pairs.flatMap(([before, after, what]) => {
    if (!arms.includes(before) || !arms.includes(after)) return [];
    const { mean: less = 0, low = 0, high = 0 } = ahead(rows, before, after, clicks) ?? {};
    return [
      `${what === null ? 'A lesson was learned from' : `${what} for ${budgetText(budget)} with`} ${String(patients)} accepted patients, others for each of ${String(seeds)} seeds: clicks to .85 over all structures ${of(before)} before (${before}) and ${of(after)} after, a difference of ${less.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, 95% over patients).`,
    ];
  });
}

export function promptReport({ dataset, arms, accepted }: PromptStudy, rows: readonly PromptRow[]): Report {
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
