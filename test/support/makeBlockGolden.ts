/**
 * Writes goldens of the blocks that have no PyTorch golden here: one training step as the `reference` executor has it, in the format that
 * `logonet verify-golden` reads. node test/support/makeBlockGolden.ts BLOCK FILE.gz
 */
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { Random } from '#shared/base/random.ts';
import { blockNames, type ArchitectureConfig } from '#shared/domain/modelCard.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { buildModel } from '#main/model/build.ts';
import { instanceLength } from '#main/model/modelBuilder.ts';
import { encodeSafetensors, type NamedTensor } from '#main/model/safetensors.ts';
import { paperLoss, trainingStep } from '#main/model/trainingStep.ts';
import { initialWeights, loadWeights } from '#main/model/weights.ts';

const [name = '', file = ''] = process.argv.slice(2);
const block = blockNames.find((each) => each === name);
if (block === undefined) throw new Error(`${name} is no block`);
const config = {
  size: [32, 32, 32] as [number, number, number],
  dims: [4, 4, 4],
  depths: [1, 1, 1],
  mlp: [2, 2, 2],
  features: 4,
  classes: 3,
  block,
};
const architecture: ArchitectureConfig = {
  network: 'logonet',
  dims: config.dims,
  depths: config.depths,
  mlpRatios: config.mlp,
  block,
  inChannels: 1,
  features: config.features,
  classes: config.classes,
  localStages: 2,
  split: 2,
};
const random = new Random(7);
const model = buildModel(architecture, { batch: 1, size: config.size, mode: 'train' });
const step = trainingStep(model, { loss: paperLoss, exposeGradients: true });
const weights = initialWeights(model, random);
// Norms and factors that are not what they begin as, so that a test notices when they are swapped.
for (const [key, { data }] of weights)
  if (/norm|scale/.test(key)) data.forEach((value, at) => (data[at] = value + random.uniform(-0.2, 0.3)));
const voxels = config.size.reduce((product, side) => product * side, 1);
const image = Float32Array.from({ length: voxels }, () => random.uniform(0, 1));
const label = Int32Array.from({ length: voxels }, () => random.integer(config.classes));

const session = await createReferenceExecutor().prepare(makePlan(step.graph, createReferenceExecutor()));
await loadWeights(session, model, weights);
await session.write(step.x, image);
for (const value of Object.values(step.targets)) if (value !== undefined) await session.write(value, label);
await session.run();

const tensors = new Map<string, NamedTensor>([
  ['x', { shape: [1, 1, ...config.size], data: image }],
  ['label', { shape: [1, ...config.size], data: label }],
]);
const kept = (spec: (typeof model.parameters)[number]): boolean => spec.fixed !== true;
for (const [prefix, specs] of [
  ['p/', model.parameters],
  ['b/', model.states.filter(kept)],
] as const)
  for (const spec of specs)
    for (const own of spec.names) {
      const tensor = weights.get(own);
      if (tensor !== undefined) tensors.set(prefix + own, tensor);
    }
const logits = Float32Array.from((await session.read(model.logits)) as Float32Array);
const every4: number[] = [];
for (let c = 0; c < config.classes; c++)
  for (let z = 0; z < 32; z += 4)
    for (let y = 0; y < 32; y += 4) for (let x = 0; x < 32; x += 4) every4.push(logits[((c * 32 + z) * 32 + y) * 32 + x] ?? NaN);
tensors.set('logits/4', { shape: [1, config.classes, 8, 8, 8], data: Float32Array.from(every4) });
const loss = step.scalars.get('loss');
if (loss !== undefined) tensors.set('loss', { shape: [1], data: Float32Array.from((await session.read(loss)) as Float32Array) });
const parts = async (spec: (typeof model.parameters)[number], value: typeof spec.value, prefix: string): Promise<void> => {
  const joined = Float32Array.from((await session.read(value)) as Float32Array);
  const length = instanceLength(spec);
  spec.names.forEach((own, instance) => {
    tensors.set(prefix + own, { shape: spec.value.type.shape.slice(1), data: joined.slice(instance * length, (instance + 1) * length) });
  });
};
for (const spec of model.parameters) {
  const gradient = step.gradients.get(spec.value);
  if (gradient !== undefined) await parts(spec, gradient, 'g/');
}
for (const spec of model.states.filter(kept)) await parts(spec, spec.value, 'a/');
writeFileSync(file, gzipSync(encodeSafetensors(tensors, { config: JSON.stringify(config) }), { level: 9 }));
