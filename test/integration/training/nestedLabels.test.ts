import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { buildModel } from '#main/model/build.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights } from '#main/model/weights.ts';
import { encodeCase } from '#main/training/patches/caseFile.ts';
import { chooseWeights } from '#main/training/preparation/chooseWeights.ts';
import { labelSet, phantoms, runTask, type PhantomCase } from '../../support/improve.ts';
import { seenHooks } from '../../support/training/runs.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'nested-'));
  cases = await phantoms(join(root, 'scans'), 3, 3);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const nested = { labels: labelSet.labels.map((label) => (label.value === 2 ? { ...label, inside: 1 } : label)) };
const request = (labels: typeof labelSet) => ({
  cases: cases.map(({ name, image, mask }) => ({ name, image, labels: mask })),
  labelSet: labels,
  variant: 'tiny',
  validation: ['case-002'],
  budget: { steps: 6 },
  seed: 1,
  threads: 1,
  batch: 1,
  checkpointSeconds: 0,
  adjust: { averageSteps: 0 },
});
const weightsOf = (folder: string): Buffer => readFileSync(join(folder, 'out', 'weights.safetensors'));

it('a training with labels inside others takes Dice by region, says so, and resumes bit for bit', { timeout: 300_000 }, async () => {
  const whole = join(root, 'whole');
  const { result, alarms } = runTask(trainTask, request(nested), whole);
  const { plan, metrics } = await result;
  expect(alarms.map(({ message }) => message)).toContain(
    'Dice goes by region, in the loss and where it is measured: “kidney” with “stone”.',
  );
  expect(plan).toMatchObject({ loss: { inside: [0, 0, 1] } });
  const { card } = await loadModel(join(whole, 'out'));
  expect(card.loss?.inside).toEqual([0, 0, 1]);
  expect(metrics.map(({ label }) => label)).toEqual(['kidney', 'stone']);
  const interrupted = join(root, 'interrupted');
  await expect(runTask(trainTask, request(nested), interrupted, 6).result).rejects.toThrow('Cancelled');
  await runTask(trainTask, request(nested), interrupted).result;
  expect(weightsOf(interrupted).equals(weightsOf(whole))).toBe(true);
  const plain = join(root, 'plain');
  const { plan: plainPlan } = await runTask(trainTask, request(labelSet), plain).result;
  expect(plainPlan).not.toHaveProperty('loss.inside');
  expect(weightsOf(plain).equals(weightsOf(whole))).toBe(false);
});

it('a training that an earlier version began goes on with its loss, bit for bit', { timeout: 300_000 }, async () => {
  const [before, after] = [join(root, 'before'), join(root, 'after')];
  // Validation goes by region since: nothing is left for it to choose.
  const plain = { ...request(labelSet), keep: 'last' };
  await runTask(trainTask, plain, before).result;
  await expect(runTask(trainTask, plain, after, 6).result).rejects.toThrow('Cancelled');
  // It knew what lies inside what, and its loss did not.
  const file = join(after, 'checkpoint', 'preparation.json');
  const preparation = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...preparation, labelSet: nested }));
  const { steps } = await runTask(trainTask, { ...plain, labelSet: nested }, after).result;
  expect(steps).toBe(6);
  expect(weightsOf(after).equals(weightsOf(before))).toBe(true);
  expect((await loadModel(join(after, 'out'))).card.loss).not.toHaveProperty('inside');
});

it('between old and new weights it is chosen by region', { timeout: 300_000 }, async () => {
  const executor = createCpuExecutor({ threads: 1 });
  const architecture = variant('tiny', 3);
  const model = buildModel(architecture, { batch: 1, size: [16, 16, 16], mode: 'train' });
  // Weights that find one class everywhere: the outer one's own voxels, or the inner one's.
  const finding = (wanted: number) =>
    new Map(
      [...initialWeights(model, new Random(1))].map(([name, tensor]) => [
        name,
        name === 'head.cls.bias' ? { ...tensor, data: Float32Array.from([0, 1, 2], (c) => (c === wanted ? 1e3 : 0)) } : tensor,
      ]),
    );
  // All of it is the outer region; a third of it the inner one.
  const classes = Uint8Array.from({ length: 16 ** 3 }, (_, at) => (at % 16 < 6 ? 2 : 1));
  const file = join(root, 'apart.case');
  writeFileSync(file, encodeCase('apart', [16, 16, 16], [1, 1, 1], Float32Array.from(classes, Number), classes));
  const choose = async (regions?: ReadonlyMap<number, readonly number[]>) => {
    const measuring = { patch: [16, 16, 16] as const, regions };
    const turns = [{ after: finding(2), apart: [file] }];
    const { dice } = await chooseWeights(executor, architecture, measuring, finding(1), turns, seenHooks());
    return [dice[0]?.dice, dice.at(-1)?.dice];
  };
  try {
    // Of the outer label alone .77 or 0, of the inner one 0 or .55; by region the outer one is right either way.
    const [outer, inner] = [(2 * 10) / 26, (2 * 6) / 22];
    const [plainBefore, plainAfter] = await choose();
    expect([plainBefore, plainAfter]).toEqual([expect.closeTo(outer / 2, 6), expect.closeTo(inner / 2, 6)]);
    const regions = new Map([
      [1, [1, 2]],
      [2, [2]],
    ]);
    expect(await choose(regions)).toEqual([expect.closeTo(1 / 2, 6), expect.closeTo((1 + inner) / 2, 6)]);
  } finally {
    executor.dispose();
  }
});
