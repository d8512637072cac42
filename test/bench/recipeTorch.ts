/**
 * The recipe beside a plain U-Net in PyTorch: both learn from the very same patches, in the same order and steps, and are measured on the same held-out patients.
 *   node test/bench/recipeTorch.ts --python PYTHON --dataset DIR --out DIR [--labels NAME,NAME] [--channel N] [--patch DxHxW] [--variant wide] [--labelled 3] [--test 10]
 *     [--steps 600] [--seeds 0,1,2]
 * Split, cases and options as `logonet experiment recipe`, batch 2, one thread, last weights. PyTorch's network has instance norms, 16, 32, 64 and 128 features, AdamW at 1e-3 and the
 * same loss; ours the standard recipe. What is done stays in DIR/work, and the same command goes on. Prints both, and the difference by patient.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { must } from '#shared/base/assert.ts';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { labelName } from '#shared/domain/labelSet.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import type { PatchPredictor } from '#main/inference/slidingWindow.ts';
import { drawCases } from '#main/lab/bed.ts';
import { parseExperiment } from '#main/lab/experiment.ts';
import { openLab } from '#main/lab/experimentLab.ts';
import { gainText, intervalText, summariseTrials, type TrialRow } from '#main/lab/experimentReport.ts';
import { batchesOf } from '#main/training/supervised.ts';
import { chooseLoss } from '#main/training/trainingPlan.ts';
import { BatchMaker, emptyBatch } from '#main/training/patches/batches.ts';
import { validate } from '#main/training/validate.ts';

const text = (value = '') => ({ type: 'string', default: value }) as const;
const { values } = parseArgs({
  options: {
    python: text(),
    dataset: text(),
    out: text(),
    labels: text(),
    channel: text(),
    patch: text(),
    variant: text('wide'),
    labelled: text('3'),
    test: text('10'),
    steps: text('600'),
    seeds: text('0,1,2'),
  },
});
const steps = Number(values.steps);
const config = parseExperiment({
  study: 'recipe',
  dataset: values.dataset,
  ...(values.labels !== '' && { labels: values.labels.split(',') }),
  ...(values.channel !== '' && { channel: Number(values.channel) }),
  ...(values.patch !== '' && { patch: values.patch.split('x').map(Number) }),
  variant: values.variant,
  batch: 2,
  threads: 1,
  testCases: Number(values.test),
  labelled: Number(values.labelled),
  budget: { steps },
});
const work = join(values.out, 'work');
mkdirSync(work, { recursive: true });
const lab = await openLab(config, {
  config,
  folder: values.out,
  outFolder: values.out,
  checkpointFolder: work,
  jobId: 'recipe-torch',
  attempt: 1,
  crashes: 0,
  cancellation: neverCancelled,
  report: () => undefined,
  point: () => undefined,
  turn: () => Promise.resolve(),
  alarm: (_severity, message) => {
    console.log(message);
  },
});
const loss = chooseLoss('weighted', lab.plan.classShares ?? [], lab.recipe);
const classWeights = loss.name === 'weighted' ? loss.classWeights : [];

/** The other process: a message is a letter and its floats or bytes; the answer has a known length. */
class Torch implements PatchPredictor {
  readonly classes = lab.architecture.classes;
  readonly patch: Triple = lab.plan.patch;
  readonly #process = spawn(values.python, [join(import.meta.dirname, 'recipeTorch.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  readonly #answers = this.#process.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  #left = Buffer.alloc(0);

  constructor(seed: number) {
    const job = { seed, steps, classes: this.classes, batch: lab.plan.batch, patch: this.patch, classWeights };
    this.#process.stdin.write(`${JSON.stringify(job)}\n`);
  }

  async step(image: Float32Array, classes: Int32Array): Promise<number> {
    return must((await this.#ask('t', 4, image, classes))[0], 'loss');
  }

  predict(image: Float32Array): Promise<Float32Array> {
    return this.#ask('p', 4 * this.classes * image.length, image);
  }

  async #ask(letter: string, bytes: number, ...parts: readonly (Float32Array | Int32Array)[]): Promise<Float32Array> {
    this.#process.stdin.write(letter);
    for (const part of parts) if (!this.#process.stdin.write(Buffer.copyBytesFrom(part))) await once(this.#process.stdin, 'drain');
    while (this.#left.length < bytes) {
      const { value, done } = await this.#answers.next();
      if (done === true) throw new Error('PyTorch ended before its answer.');
      this.#left = Buffer.concat([this.#left, value]);
    }
    const answer = new Float32Array(new Uint8Array(this.#left.subarray(0, bytes)).buffer);
    this.#left = this.#left.subarray(bytes);
    return answer;
  }

  dispose(): void {
    this.#process.stdin.end();
  }
}

async function inTorch(
  files: readonly string[],
  seed: number,
): Promise<Pick<TrialRow, 'meanDice' | 'dice' | 'cases' | 'steps' | 'seconds'>> {
  const begun = performance.now();
  const network = new Torch(seed);
  const mirrorAxes = mirrorAxesFor(lab.labelSet, lab.plan);
  const specification = batchesOf({ ...lab, mirrorAxes }, files, seed, lab.recipe);
  const maker = new BatchMaker(specification);
  const batch = emptyBatch(specification);
  for (let step = 0; step < steps; step++) {
    maker.make(step, batch);
    const value = await network.step(batch.image, batch.classes);
    if (step % 50 === 49) console.log(`seed ${String(seed)}, PyTorch: step ${String(step + 1)}, loss ${value.toFixed(3)}`);
  }
  maker.close();
  const seconds = (performance.now() - begun) / 1000;
  const { score, summary, cases } = await validate(
    network,
    lab.test.map(({ file }) => file),
  );
  network.dispose();
  const byName = (rows: readonly { readonly dice: number | null }[]) =>
    Object.fromEntries(rows.map(({ dice }, at) => [names[at] ?? '', dice]));
  const rows = cases.map(({ name, metrics }) => ({ name, dice: byName(metrics) }));
  return { meanDice: score, dice: byName(summary), cases: rows, steps, seconds };
}

const names = lab.classToLabel.slice(1).map((value) => labelName(lab.labelSet, value));
const kept = join(work, 'rows.json');
const rows: TrialRow[] = (() => {
  try {
    return JSON.parse(readFileSync(kept, 'utf8')) as TrialRow[];
  } catch {
    return [];
  }
})();
const arms = ['U-Net in PyTorch', values.variant];
for (const seed of values.seeds.split(',').map(Number))
  for (const arm of arms) {
    if (rows.some((row) => row.arm === arm && row.seed === seed)) continue;
    const cases = drawCases(lab.pool, config.labelled, seed, ({ id }) => id);
    const { architecture } = lab;
    const outcome =
      arm === arms[0]
        ? await inTorch(
            cases.map(({ file }) => file),
            seed,
          )
        : await lab.trainAndTest({
            architecture,
            cases,
            budget: config.budget,
            seed,
            title: `${arm}, seed ${String(seed)}`,
            report: () => undefined,
          });
    const { meanDice, dice, cases: measured, seconds } = outcome;
    rows.push({ arm, seed, labelled: cases.length, meanDice, dice, cases: measured, steps, seconds });
    writeFileSync(kept, JSON.stringify(rows));
    console.log(`seed ${String(seed)}, ${arm}: ${meanDice.toFixed(4)} ${JSON.stringify(dice)} in ${seconds.toFixed(0)} s`);
  }
for (const { arm, seeds, mean, deviation, gain, overPatients } of summariseTrials(rows))
  console.log(
    `${arm}: ${mean.toFixed(4)} ± ${(deviation ?? 0).toFixed(4)} (${String(seeds)} seeds), ${gainText(gain)}, ${intervalText(overPatients)}`,
  );
lab.close();
