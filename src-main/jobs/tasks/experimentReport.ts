import { join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.ts';

/** One finished training of an experiment. */
export interface TrialRow {
  readonly arm: string;
  readonly seed: number;
  /** Labelled cases that trained. */
  readonly labelled: number;
  readonly meanDice: number;
  readonly dice: Readonly<Record<string, number | null>>;
  readonly steps: number;
  readonly seconds: number;
}

export interface ArmSummary {
  readonly arm: string;
  readonly labelled: number;
  readonly seeds: number;
  readonly mean: number;
  /** Sample standard deviation over seeds; null for one. */
  readonly deviation: number | null;
}

export function summariseTrials(rows: readonly TrialRow[]): ArmSummary[] {
  const groups = Map.groupBy(rows, ({ arm, labelled }) => `${arm}\n${labelled}`);
  return [...groups.values()].map((own) => {
    const values = own.map(({ meanDice }) => meanDice);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { arm: own[0]?.arm ?? '', labelled: own[0]?.labelled ?? 0, seeds: values.length, mean, deviation: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
  });
}

const plusMinus = ({ mean, deviation }: ArmSummary): string => `${mean.toFixed(4)}${deviation === null ? '' : ` ± ${deviation.toFixed(4)}`}`;

/** Writes report.md (table and how it was made), results.json and plot.svg into a folder. */
export async function writeReport(folder: string, title: string, description: readonly string[], rows: readonly TrialRow[]): Promise<void> {
  const summary = summariseTrials(rows);
  const labels = [...new Set(rows.flatMap(({ dice }) => Object.keys(dice)))];
  const perLabel = (arm: ArmSummary, label: string): string => {
    const values = rows.filter((row) => row.arm === arm.arm && row.labelled === arm.labelled).flatMap(({ dice }) => dice[label] ?? []);
    return values.length === 0 ? '–' : (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(4);
  };
  const table = [
    `| | labelled | seeds | mean Dice ± sd | ${labels.join(' | ')} | steps |`,
    `|---|---|---|---|${labels.map(() => '---|').join('')}---|`,
    ...summary.map((arm) => {
      const steps = rows.filter((row) => row.arm === arm.arm && row.labelled === arm.labelled).map((row) => row.steps);
      return `| ${arm.arm} | ${arm.labelled} | ${arm.seeds} | ${plusMinus(arm)} | ${labels.map((label) => perLabel(arm, label)).join(' | ')} | ${Math.round(steps.reduce((sum, value) => sum + value, 0) / steps.length)} |`;
    }),
  ];
  await writeFileAtomically(join(folder, 'report.md'), [`# ${title}`, '', ...description, '', ...table, '', '![](plot.svg)', ''].join('\n'));
  await writeFileAtomically(join(folder, 'results.json'), JSON.stringify({ title, description, summary, trials: rows }, null, 2));
  await writeFileAtomically(join(folder, 'plot.svg'), plot(title, rows));
}

const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9'] as const;
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 420, 64, 24, 44, 64];

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Mean Dice by arm; over the number of labelled cases where it varies. Each seed a dot, the mean a bar or line, the sd a whisker. */
export function plot(title: string, rows: readonly TrialRow[]): string {
  const summary = summariseTrials(rows);
  const arms = [...new Set(summary.map(({ arm }) => arm))];
  const counts = [...new Set(summary.map(({ labelled }) => labelled))].sort((a, b) => a - b);
  const values = rows.map(({ meanDice }) => meanDice);
  const low = Math.max(0, Math.floor((Math.min(...values) - 0.03) * 20) / 20);
  const high = Math.min(1, Math.ceil((Math.max(...values) + 0.02) * 20) / 20);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / Math.max(1e-9, high - low));
  const lines = counts.length > 1;
  const places = lines ? counts.length : arms.length;
  const x = (place: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * (place + 0.5)) / places;
  const placeOf = (arm: string, labelled: number): number => (lines ? counts.indexOf(labelled) : arms.indexOf(arm));
  const colourOf = (arm: string): string => COLOURS[arms.indexOf(arm) % COLOURS.length] ?? COLOURS[0];
  const ticks = Array.from({ length: 6 }, (_, index) => low + ((high - low) * index) / 5);
  const parts = [
    ...ticks.map((value) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${value.toFixed(2)}</text>`),
    ...summary.flatMap((arm) => {
      const at = x(placeOf(arm.arm, arm.labelled));
      const colour = colourOf(arm.arm);
      const dots = rows.filter((row) => row.arm === arm.arm && row.labelled === arm.labelled).map((row) => `<circle cx="${at + 8}" cy="${y(row.meanDice)}" r="3" fill="${colour}" fill-opacity="0.45"/>`);
      const whisker = arm.deviation === null ? '' : `<line x1="${at}" x2="${at}" y1="${y(arm.mean - arm.deviation)}" y2="${y(arm.mean + arm.deviation)}" stroke="${colour}" stroke-width="1.5"/>`;
      return [...dots, whisker, `<line x1="${at - 12}" x2="${at + 12}" y1="${y(arm.mean)}" y2="${y(arm.mean)}" stroke="${colour}" stroke-width="3"/>`];
    }),
    ...(lines ? arms.map((arm) => {
      const path = summary.filter((each) => each.arm === arm).sort((a, b) => a.labelled - b.labelled).map((each) => `${x(placeOf(arm, each.labelled))},${y(each.mean)}`).join(' ');
      return `<polyline points="${path}" fill="none" stroke="${colourOf(arm)}" stroke-width="2"/>`;
    }) : []),
    ...(lines ? counts.map((count, place) => `<text x="${x(place)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${count}</text>`) : arms.map((arm, place) => `<text x="${x(place)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${escaped(arm)}</text>`)),
    ...(lines ? [`<text x="${WIDTH / 2}" y="${HEIGHT - BOTTOM + 38}" text-anchor="middle">labelled cases</text>`, ...arms.map((arm, index) => `<text x="${LEFT + 12 + index * 130}" y="${HEIGHT - 10}" fill="${colourOf(arm)}">${escaped(arm)}</text>`)] : []),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/><text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="15">${escaped(title)}</text><text x="16" y="${HEIGHT / 2}" transform="rotate(-90 16 ${HEIGHT / 2})" text-anchor="middle">mean Dice on the test cases</text>${parts.join('')}</svg>\n`;
}
