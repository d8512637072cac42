import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makePhantom, phantomLabelSet } from '#shared/domain/phantom.ts';
import type { LabelledCase } from '#shared/domain/trainingCase.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { demoRequest, type DemoConfig, type DemoResult } from '../requests/demo.ts';
import type { EvaluateTaskResult } from '../requests/evaluate.ts';
import type { Task, TaskContext } from '../task.ts';
import { evaluateTask } from './evaluate.ts';
import { predictTask } from './predict.ts';
import { trainTask } from './train.ts';

const labelledCases = 4;
const correctedCases = 8;
const testCases = 4;
/** Coarse, so that the loop fits some minutes of two cores. */
const resolution = 6;

/**
 * The whole loop on generated phantoms: a first model from few labels, its predictions, a simulated reader who corrects them to the truth,
 * an improved model from all labels, and both measured on phantoms that never trained. Everything is left in `outFolder`.
 */
export const demoTask: Task<DemoConfig, DemoResult> = { kind: 'demo', parse: demoRequest.parse, run: runDemo };

async function runDemo(context: TaskContext<DemoConfig>): Promise<DemoResult> {
  const { config, outFolder, report } = context;
  const total = labelledCases + correctedCases + testCases;
  const cases: LabelledCase[] = [];
  for (const folder of ['images', 'truth', 'truth-test']) await mkdir(join(outFolder, folder), { recursive: true });
  for (let index = 0; index < total; index++) {
    const name = `phantom_${String(index + 1).padStart(2, '0')}`;
    const phantom = makePhantom({ seed: config.seed * 1000 + index, resolution });
    const truth = join(outFolder, index < labelledCases + correctedCases ? 'truth' : 'truth-test', `${name}.nii.gz`);
    const image = join(outFolder, 'images', `${name}.nii.gz`);
    await writeVolume(image, phantom.image);
    await writeVolume(truth, phantom.labels);
    cases.push({ name, image, labels: truth });
    report({ phase: 'Making phantoms', fraction: (index + 1) / total });
  }
  const first = cases.slice(0, labelledCases);
  const second = cases.slice(labelledCases, labelledCases + correctedCases);
  const test = cases.slice(labelledCases + correctedCases);

  const firstModel = join(outFolder, 'model-1');
  const firstSteps = await train(context, first, firstModel, config.minutes * 0.35, undefined);
  const before = await measure(context, firstModel, test, 'before');
  const correctedVoxels = await correct(context, firstModel, second);
  const secondModel = join(outFolder, 'model-2');
  const secondSteps = await train(context, [...first, ...second], secondModel, config.minutes * 0.65, firstModel);
  const after = await measure(context, secondModel, test, 'after');
  return { before, after, correctedVoxels, steps: [firstSteps, secondSteps], masks: join(outFolder, 'after'), model: secondModel };
}

async function train(
  context: TaskContext<DemoConfig>,
  cases: readonly LabelledCase[],
  outFolder: string,
  minutes: number,
  from: string | undefined,
): Promise<number> {
  const { seed, device, threads } = context.config;
  const checkpointFolder = join(outFolder, 'training');
  await mkdir(checkpointFolder, { recursive: true });
  const config = trainTask.parse({
    cases,
    labelSet: phantomLabelSet,
    modality: 'CT',
    validationFraction: 0,
    budget: { minutes },
    seed,
    device,
    threads,
    from,
  });
  return (await trainTask.run({ ...context, config, outFolder, checkpointFolder })).steps;
}

async function predict(context: TaskContext<DemoConfig>, model: string, cases: readonly LabelledCase[], outFolder: string): Promise<void> {
  const { device, threads } = context.config;
  await mkdir(outFolder, { recursive: true });
  const images = cases.map(({ image, name }) => ({ path: image as string, name }));
  await predictTask.run({ ...context, config: predictTask.parse({ model, images, device, threads, overwrite: true }), outFolder });
}

async function measure(
  context: TaskContext<DemoConfig>,
  model: string,
  cases: readonly LabelledCase[],
  folder: string,
): Promise<EvaluateTaskResult> {
  const prediction = join(context.outFolder, folder);
  await predict(context, model, cases, prediction);
  return evaluateTask.run({
    ...context,
    config: evaluateTask.parse({ truth: join(context.outFolder, 'truth-test'), prediction, labels: phantomLabelSet.labels }),
  });
}

/** The reader turns predictions into the truth; what counts is how many voxels that takes. */
async function correct(context: TaskContext<DemoConfig>, model: string, cases: readonly LabelledCase[]): Promise<number> {
  const folder = join(context.outFolder, 'to-correct');
  await predict(context, model, cases, folder);
  let changed = 0;
  for (const { name, labels } of cases) {
    const predicted = (await readLabels(join(folder, `${name}.nii.gz`))).volume.data;
    (await readLabels(labels)).volume.data.forEach((value, at) => {
      if (value !== predicted[at]) changed++;
    });
  }
  return changed / cases.length;
}
