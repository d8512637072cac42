import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reorientVolume } from '#shared/geometry/orientation.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { runCommandLine } from '#main/cli/run.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { gridOf } from '#test/support/studio.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logonet-evaluate-'));
  for (const name of ['truth', 'masks']) mkdirSync(join(folder, name));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Slabs of ten voxels of each value, along k. */
function slabs(values: readonly number[]): Volume<Uint8Array> {
  const data = new Uint8Array(5 * 4 * 6);
  values.forEach((value, n) => data.fill(value, 20 * n, 20 * n + 10));
  return { grid: gridOf([5, 4, 6]), data };
}
const truth = (name: string, values: readonly number[]) => writeVolume(join(folder, 'truth', `${name}.nii.gz`), slabs(values));
const mask = (name: string, values: readonly number[]) => writeVolume(join(folder, 'masks', `${name}.nii.gz`), slabs(values));

interface Answer {
  readonly code: number;
  readonly meanDice: number;
  readonly missing: { rule: string; cases: string[] };
  readonly extra: string[];
  readonly extraLabels: { label: number; cases: string[] }[];
  readonly summary: { label: number; name: string; cases: number; dice: number; interval: { low: number; high: number } | null }[];
  readonly cases: { name: string; meanDice: number; labels: { label: number; dice: number | null }[] }[];
  readonly skipped: { path: string; reason: string }[];
}
async function evaluate(...more: string[]): Promise<Answer> {
  const out: string[] = [];
  const code = await runCommandLine(
    ['evaluate', '--truth', join(folder, 'truth'), '--prediction', join(folder, 'masks'), '--json', ...more],
    { stdout: { write: (text: string) => out.push(text) }, stderr: process.stderr },
    new AbortController().signal,
  );
  return { code, ...(JSON.parse(out.join('')) as Omit<Answer, 'code'>) };
}

it('counts a prediction that is missing as Dice 0, or leaves it out and says so', async () => {
  await truth('a', [1, 2]);
  await truth('b', [1]);
  await mask('a', [1, 2]);
  const counted = await evaluate();
  expect(counted).toMatchObject({ code: 0, meanDice: 0.75, missing: { rule: 'zero', cases: ['b'] } });
  expect(counted.summary.map(({ label, cases, dice }) => [label, cases, dice])).toEqual([
    [1, 2, 0.5],
    [2, 1, 1],
  ]);
  expect(counted.cases.map(({ name, meanDice }) => [name, meanDice])).toEqual([
    ['a', 1],
    ['b', 0],
  ]);
  expect(await evaluate('--missing', 'leave-out')).toMatchObject({ meanDice: 1, missing: { rule: 'leave-out', cases: ['b'] } });
});

it('counts a prediction that cannot be read, or lies elsewhere, as missing, with its reason', async () => {
  await truth('a', [1]);
  await truth('b', [1]);
  await truth('c', [1]);
  await mask('a', [1]);
  writeFileSync(join(folder, 'masks', 'b.nii.gz'), 'no image');
  await writeVolume(join(folder, 'masks', 'c.nii.gz'), { grid: gridOf([5, 4, 6], [3, 1, 2]), data: slabs([1]).data });
  const { meanDice, missing, skipped } = await evaluate();
  expect(meanDice).toBeCloseTo(1 / 3, 12);
  expect([missing.cases, skipped.map(({ path }) => path)]).toEqual([
    ['b', 'c'],
    [join(folder, 'masks', 'b.nii.gz'), join(folder, 'masks', 'c.nii.gz')],
  ]);
});

it('counts a label that the truth lacks, and reports it and predictions without a truth', async () => {
  await truth('a', [1]);
  await truth('b', [1]);
  await mask('a', [1, 9]);
  await mask('b', [1]);
  await mask('c', [1]);
  const answer = await evaluate();
  expect(answer).toMatchObject({ meanDice: 0.5, extra: ['c'], extraLabels: [{ label: 9, cases: ['a'] }] });
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ labels: { 1: 'Liver', 2: 'Spleen' } }));
  const named = await evaluate('--dataset', join(folder, 'dataset.json'));
  expect([named.meanDice, named.summary.map(({ name, dice }) => [name, dice])]).toEqual([
    0.5,
    [
      ['Liver', 1],
      ['Spleen', null],
      ['Label 9', 0],
    ],
  ]);
});

it('measures a mask of another axis order by its place', async () => {
  await truth('a', [1, 2]);
  await writeVolume(join(folder, 'masks', 'a.nii.gz'), reorientVolume(slabs([1, 2]), 'SAR'));
  expect((await evaluate()).meanDice).toBe(1);
});

it('refuses two masks of one name', async () => {
  await truth('a', [1]);
  await mask('a', [1]);
  await writeVolume(join(folder, 'masks', 'a.nii'), slabs([1]));
  expect(await evaluate()).toMatchObject({ code: 1, error: { code: 'conflict' } });
});

it('gives intervals over cases, and a table for a spreadsheet that replaces nothing unasked', async () => {
  for (const name of ['a', 'b', 'c']) {
    await truth(name, [1]);
    await mask(name, name === 'a' ? [0, 1] : [1]);
  }
  const table = join(folder, 'table.csv');
  const { summary } = await evaluate('--csv', table);
  expect(summary[0]).toMatchObject({ dice: 2 / 3, interval: { low: 0, high: 1 } });
  expect(readFileSync(table, 'utf8').split('\r\n').slice(0, 3)).toEqual([
    'case,label,name,dice,hd95_mm,truth_ml,prediction_ml',
    'a,1,Label 1,0.000000,2.0000,0.0200,0.0200',
    'b,1,Label 1,1.000000,0.0000,0.0200,0.0200',
  ]);
  writeFileSync(table, 'mine');
  expect(await evaluate('--csv', table)).toMatchObject({ code: 1, error: { code: 'conflict' } });
  expect(readFileSync(table, 'utf8')).toBe('mine');
});
