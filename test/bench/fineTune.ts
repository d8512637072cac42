/**
 * What fine-tuning an imported model brings: before against after on cases that neither trained nor chose anything, by Improve's own rule.
 *   taskset -c 0 node test/bench/fineTune.ts --model FOLDER --dataset DIR --train a,b,… --test c,d,… --steps 800 [--seeds 0,1,2] [--rate 0.004] [--onnx] --out DIR
 * FOLDER: an nnU-Net result folder. DIR has imagesTr and labelsTr. Prints for each seed the processor time of the training, and Dice and
 * HD95 by label with the paired differences and their 95% interval over the cases; with --onnx how many voxels the ONNX files of both label otherwise
 * than this program (onnxruntime-web must be installed).
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { must } from '#shared/base/assert.ts';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { compareModels } from '#shared/domain/comparison.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { measureModel } from '#main/inference/cases/measureModel.ts';
import { NnunetPredictor } from '#main/inference/nnunet/nnunetPredictor.ts';
import { predictImported } from '#main/inference/nnunet/predictImported.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { loadAnyModel, loadNetwork, saveModel, type StoredImport } from '#main/model/modelFolder.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { onnxRuntime } from '#main/model/onnx/verifyOnnx.ts';
import { onnxPredictor } from '#test/support/onnxPredictor.ts';

const text = { type: 'string', default: '' } as const;
const { values } = parseArgs({
  options: {
    model: text,
    dataset: text,
    train: text,
    test: text,
    steps: text,
    seeds: { ...text, default: '0' },
    rate: text,
    out: text,
    onnx: { type: 'boolean', default: false },
  },
});
const files = (list: string) =>
  list.split(',').map((name) => ({
    id: name,
    name,
    image: join(values.dataset, 'imagesTr', `${name}.nii.gz`),
    mask: join(values.dataset, 'labelsTr', `${name}.nii.gz`),
  }));
const executor = createCpuExecutor({ threads: 1 });
const before = join(values.out, 'before');
mkdirSync(values.out, { recursive: true });
const imported = await importNnunetFolder(values.model);
await saveModel(before, imported.card, imported.weights);
const { labels } = imported.card.labelSet;
const quiet = { report: () => undefined, point: () => undefined, turn: () => Promise.resolve(), cancellation: neverCancelled };
const measure = (folder: string) =>
  measureModel(
    executor,
    folder,
    files(values.test),
    labels.map(({ value }) => value),
    { phase: 'Measuring' },
    quiet,
  );
const metricsBefore = await measure(before);
for (const seed of values.seeds.split(',').map(Number)) {
  const folder = join(values.out, `seed-${seed}`);
  const [checkpointFolder, outFolder] = [join(folder, 'checkpoint'), join(folder, 'model')];
  for (const each of [checkpointFolder, outFolder]) mkdirSync(each, { recursive: true });
  const begun = process.cpuUsage();
  const { steps } = await trainTask.run({
    ...quiet,
    jobId: 'bench',
    folder,
    checkpointFolder,
    outFolder,
    attempt: 1,
    crashes: 0,
    alarm: (_severity, message) => console.log(`  ${message}`),
    config: trainTask.parse({
      cases: files(values.train).map(({ name, image, mask }) => ({ name, image, labels: mask })),
      labelSet: imported.card.labelSet,
      validation: [],
      budget: { steps: Number(values.steps) },
      keep: 'last',
      interpolate: true,
      from: before,
      seed,
      device: 'cpu',
      threads: 1,
      ...(values.rate !== '' && { adjust: { learningRate: Number(values.rate) } }),
    }),
  });
  const { user, system } = process.cpuUsage(begun);
  const comparison = compareModels({
    beforeModelId: 'before',
    afterModelId: 'after',
    before: metricsBefore,
    after: await measure(outFolder),
    labelNames: new Map(labels.map(({ value, name }) => [value, name])),
    seed,
  });
  const { history } = (await loadNetwork(outFolder)).card;
  console.log(
    `seed ${seed}: ${steps} steps, ${((user + system) / 6e7).toFixed(1)} minutes of processor time; ${history?.at(-1)?.note ?? ''}`,
  );
  for (const { label, diceBefore, diceAfter, hd95Before, hd95After, difference } of comparison.labels)
    console.log(
      `  ${label}: Dice ${diceBefore?.toFixed(4)} → ${diceAfter?.toFixed(4)} (${difference === null ? '' : `${difference.mean.toFixed(4)}, ${difference.low.toFixed(4)} to ${difference.high.toFixed(4)}`}), HD95 ${hd95Before?.toFixed(2)} → ${hd95After?.toFixed(2)}`,
    );
  if (values.onnx) console.log(`  the ONNX files differ in ${await differing(before)} voxels before, ${await differing(outFolder)} after`);
  console.log(`  ${comparison.meanBefore?.toFixed(4)} → ${comparison.meanAfter.toFixed(4)}: ${comparison.verdict}`);
}
executor.dispose();

/** Voxels of the test cases that the ONNX file of a model labels otherwise than the model, of how many. */
async function differing(folder: string): Promise<string> {
  const model = (await loadAnyModel(folder)) as StoredImport;
  const runtime = must(await onnxRuntime(), 'an ONNX runtime');
  const predictors = [await NnunetPredictor.create(executor, model.card, model.weights), await onnxPredictor(runtime, model)];
  let [voxels, others] = [0, 0];
  for (const { image } of files(values.test)) {
    const { volume } = await readImage(image);
    const [own, onnx] = await Promise.all(predictors.map((predictor) => predictImported([volume], model.card, predictor)));
    own?.labels.data.forEach((label, at) => (others += label === onnx?.labels.data[at] ? 0 : 1));
    voxels += own?.labels.data.length ?? 0;
  }
  for (const predictor of predictors) predictor.dispose();
  return `${others} of ${voxels}`;
}
