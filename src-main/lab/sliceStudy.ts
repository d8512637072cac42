import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import { applyAffine } from '#shared/geometry/affine.ts';
import { spacing, type Grid, type LabelVolume, type Triple, type Volume } from '#shared/geometry/grid.ts';
import { axisDirection } from '#shared/geometry/viewPlane.ts';
import { acceptProposal, barredBy } from '#shared/prompts/accept.ts';
import type { AskedNetwork } from '#shared/prompts/askNetwork.ts';
import { askSlice } from '#shared/prompts/askSlice.ts';
import { carryNow } from '#shared/prompts/carry.ts';
import type { Structure } from '#shared/prompts/nextClick.ts';
import { structuresIn, truthOf } from '#shared/prompts/reader.ts';
import { forEachCut, slicesOn, type SlicePlane } from '#shared/prompts/slab.ts';
import { freePolicy } from '#shared/segmentation/index.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { openPromptNetwork } from '#main/inference/promptNetwork.ts';
import { alarmOf, type Caller } from '#main/jobs/run.ts';
import { loadPromptModel } from '#main/model/modelFolder.ts';
import { measureCases, openCases, type CaseStudy, type ReadCase, type StudyCases } from './caseStudy.ts';
import { spread } from './experimentPlot.ts';
import type { Report } from './experimentReport.ts';

export const sliceArms = ['the same again', 'case', 'case and network'] as const;
export type SliceArm = (typeof sliceArms)[number];

/** One structure of one case, from its largest slice in one direction. */
export interface SliceRow {
  readonly arm: SliceArm;
  readonly case: string;
  readonly structure: string;
  readonly direction: 1 | -1;
  /** Mm from slice to slice. */
  readonly step: number;
  /** Of the slice 1, 2, … slices away, nobody correcting those between; as far as the structure goes. */
  readonly dice: readonly number[];
  /** Slices beyond the structure's end that it stopped after, below 0 before it; null where neither ended in time. */
  readonly beyond: number | null;
  readonly seconds: readonly number[];
}

export interface SliceSummary {
  readonly arm: SliceArm;
  readonly structure: string;
  readonly rows: number;
  readonly step: number;
  /** Mean Dice 1, 2, 3, 5 and 10 slices away; null where no structure goes so far. */
  readonly dice: readonly (number | null)[];
  /** Mean number of slices between where it stopped and where the structure ends. */
  readonly misses: number | null;
  readonly seconds: number;
}

const looked = [1, 2, 3, 5, 10] as const;
const furthest = 10;
/** So many slices beyond the structure's end count as going on for ever. */
const mostBeyond = 5;

/** From the largest true slice of a structure, the next ones are proposed and taken as they are. Goes on with the cases that are not done yet. */
export async function runSliceStudy(study: CaseStudy, caller: Caller): Promise<{ report: string; summary: readonly SliceSummary[] }> {
  const { network } = study;
  const cases = await openCases(study, 'slices');
  if (network === undefined) return goThroughAll(study, cases, null, caller);
  return withExecutor({ ...study, alarm: alarmOf(caller) }, async (executor) => {
    const asked: AskedNetwork & Disposable = await openPromptNetwork(executor, await loadPromptModel(network));
    try {
      return await goThroughAll(study, cases, asked, caller);
    } finally {
      asked.dispose();
    }
  });
}

async function goThroughAll(
  study: CaseStudy,
  cases: StudyCases,
  network: AskedNetwork | null,
  caller: Caller,
): Promise<{ report: string; summary: readonly SliceSummary[] }> {
  const measure = async ({ name, image, mask }: ReadCase): Promise<SliceRow[]> => {
    const own: SliceRow[] = [];
    for (const structure of structuresIn(mask.data, cases.bed.labels)) {
      const truth = truthOf(image, mask, structure);
      for (const arm of sliceArms.filter((each) => each !== 'case and network' || network !== null))
        for (const direction of [1, -1] as const) {
          throwIfCancelled(caller.cancellation);
          const found = await goThrough(image, truth, direction, arm, network);
          own.push({ arm, case: name, structure: structure.name, direction, ...found });
        }
    }
    return own;
  };
  const made = { phase: 'Through the slices of', measure, report: (rows: readonly SliceRow[]) => sliceReport(study, rows) };
  const { report, rows } = await measureCases(study, cases, made, caller);
  return { report, summary: summariseSlices(rows) };
}

/** The largest slice of a structure across the axis of the thickest voxels. */
function largestSlice({ grid, data }: Structure): { readonly axis: 0 | 1 | 2; readonly plane: SlicePlane } {
  const step = spacing(grid);
  const axis = ([2, 1, 0] as const).reduce((best, each) => (step[each] > step[best] * 1.001 ? each : best));
  const [ni, nj] = grid.size;
  const counts = new Uint32Array(grid.size[axis]);
  for (let at = 0; at < data.length; at++) {
    if (data[at] !== 1) continue;
    const index = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))][axis] as number;
    counts[index] = (counts[index] as number) + 1;
  }
  const middle = grid.size.map((n, each) => (each === axis ? counts.indexOf(Math.max(...counts)) : n >> 1)) as unknown as Triple;
  const [right, down] = ([0, 1, 2] as const).filter((each) => each !== axis) as [0 | 1 | 2, 0 | 1 | 2];
  const { affine } = grid;
  return {
    axis,
    plane: {
      center: applyAffine(affine, middle),
      right: axisDirection(affine, right),
      down: axisDirection(affine, down),
      normal: axisDirection(affine, axis),
    },
  };
}

async function goThrough(
  image: Volume,
  truth: Structure,
  direction: 1 | -1,
  arm: SliceArm,
  network: AskedNetwork | null,
): Promise<Pick<SliceRow, 'step' | 'dice' | 'beyond' | 'seconds'>> {
  const { grid } = truth;
  const { axis, plane: first } = largestSlice(truth);
  const mask: LabelVolume = { grid, data: new Uint8Array(truth.data.length) };
  forEachCut(grid, first, (at) => {
    mask.data[at] = truth.data[at] as number;
  });
  let end = 0;
  while (isIn(truth, slicesOn(grid, first, direction * (end + 1)))) end++;
  const [dice, seconds]: [number[], number[]] = [[], []];
  const most = Math.min(end, furthest) + (end <= furthest ? mostBeyond : 0);
  let taken = 0;
  for (let plane = first; taken < most; taken++, plane = slicesOn(grid, plane, direction)) {
    const begun = performance.now();
    const isTaken =
      arm === 'the same again'
        ? taken < end && again(mask, plane, axis, direction)
        : await goOn(image, mask, plane, direction, arm === 'case' ? null : network);
    if (arm !== 'the same again') seconds.push((performance.now() - begun) / 1000);
    if (!isTaken) break;
    if (taken < Math.min(end, furthest)) dice.push(sliceDice(truth, mask, slicesOn(grid, plane, direction)));
  }
  const beyond = end > furthest || arm === 'the same again' ? null : taken - end;
  while (dice.length < Math.min(end, furthest)) dice.push(0);
  return { step: spacing(grid)[axis], dice, beyond, seconds };
}

async function goOn(
  image: Volume,
  mask: LabelVolume,
  plane: SlicePlane,
  direction: 1 | -1,
  network: AskedNetwork | null,
): Promise<boolean> {
  const request = { plane, direction, label: 1, inner: [], barred: barredBy(freePolicy, 1) };
  const opinion = network === null ? null : await askSlice({ image, mask }, request, network);
  const carried = carryNow({ image, mask }, { ...request, opinion });
  if (carried.kind !== 'found') return false;
  acceptProposal({ volume: mask, policy: freePolicy }, carried.proposal, carried.base, 1);
  return true;
}

/** What somebody gets who copies the slice. */
function again({ grid, data }: LabelVolume, plane: SlicePlane, axis: 0 | 1 | 2, direction: 1 | -1): boolean {
  const stride = direction * ([1, grid.size[0], grid.size[0] * grid.size[1]][axis] as number);
  forEachCut(grid, plane, (at) => {
    data[at + stride] = data[at] as number;
  });
  return true;
}

function isIn({ grid, data }: Structure, plane: SlicePlane): boolean {
  let found = false;
  forEachCut(grid, plane, (at) => {
    if (data[at] === 1) found = true;
  });
  return found;
}

function sliceDice(truth: Structure, mask: { readonly grid: Grid; readonly data: LabelVolume['data'] }, plane: SlicePlane): number {
  let [both, sum] = [0, 0];
  forEachCut(truth.grid, plane, (at) => {
    const [a, b] = [truth.data[at] as number, mask.data[at] as number];
    both += a & b;
    sum += a + b;
  });
  return sum === 0 ? 1 : (2 * both) / sum;
}

const mean = (values: readonly number[]): number | null => (values.length === 0 ? null : spread(values).mean);

/** Of every structure and arm; the last of all structures together. */
export function summariseSlices(rows: readonly SliceRow[]): SliceSummary[] {
  const structures = [...new Set(rows.map(({ structure }) => structure))];
  const groups = structures.map((structure) => ({ structure, rows: rows.filter((row) => row.structure === structure) }));
  return [...groups, ...(groups.length > 1 ? [{ structure: 'all', rows }] : [])].flatMap((group) =>
    sliceArms.flatMap((arm): SliceSummary[] => {
      const own = group.rows.filter((row) => row.arm === arm);
      if (own.length === 0) return [];
      return [
        {
          arm,
          structure: group.structure,
          rows: own.length,
          step: mean(own.map(({ step }) => step)) ?? 0,
          dice: looked.map((away) => mean(own.flatMap(({ dice }) => dice.slice(away - 1, away)))),
          misses: mean(own.flatMap(({ beyond }) => (beyond === null ? [] : [Math.abs(beyond)]))),
          seconds: mean(own.flatMap(({ seconds }) => seconds)) ?? 0,
        },
      ];
    }),
  );
}

function sliceReport({ dataset }: CaseStudy, rows: readonly SliceRow[]): Report {
  const summary = summariseSlices(rows);
  const figure = (value: number | null): string => (value === null ? '-' : value.toFixed(3).replace(/^0/, ''));
  const structures = [...new Set(summary.map(({ structure }) => structure))];
  return {
    title: 'Through the slices',
    description: [
      `${dataset}: ${String(new Set(rows.map((row) => row.case)).size)} cases. From the largest slice of each structure across its thickest voxels, which is true, the next ones are proposed in both directions, each from the one before, and taken as they are. “The same again” is the slice itself, copied, as far as the structure goes.`,
      `Dice in the slice 1, 2, 3, 5 and 10 slices away; 0 where it stopped before. “Misses”: slices between where it stopped (at most ${String(mostBeyond)} beyond) and where the structure ends, of those that end within ${String(furthest)}.`,
    ],
    header: ['structure', 'arm', 'walks', 'mm a slice', 'Dice 1 away', '2', '3', '5', '10', 'misses', 's a slice'],
    rows: summary.map((each) => [
      each.structure,
      each.arm,
      String(each.rows),
      each.step.toFixed(1),
      ...each.dice.map(figure),
      each.misses?.toFixed(1) ?? '-',
      each.seconds === 0 ? '-' : each.seconds.toFixed(2),
    ]),
    charts: structures.map((structure) => ({
      title: structure,
      measure: 'mean Dice',
      along: 'slices away',
      places: looked.map(String),
      least: 0,
      most: 1,
      series: summary
        .filter((each) => each.structure === structure)
        .map(({ arm, dice }) => ({
          name: arm,
          points: looked.flatMap((away, n) => {
            const value = dice[n] ?? null;
            return value === null ? [] : [{ place: String(away), values: [value] }];
          }),
        })),
    })),
    results: { summary, rows },
  };
}
