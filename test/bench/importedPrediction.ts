/**
 * A whole prediction of an imported model beside PyTorch running the same network over the same windows, in turns, with as many threads.
 *   taskset -c 0 node test/bench/importedPrediction.ts --python PYTHON [--model FOLDER --images FILE,FILE | --features 32,64,128 --size 96x96x96 --patch 64x64x64]
 *     [--heads 25] [--threads 1] [--rounds 3] [--no-mirror] [--avx2]
 * FOLDER: an nnU-Net result folder of labels with one fold. Without one a plain U-Net of random weights is made. Ours is everything from the image in memory to its
 * labels; PyTorch's the windows, their sums and the best head alone, without the steps before and after. `--avx2` holds both to that instruction set.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { must } from '#shared/base/assert.ts';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { Random } from '#shared/base/random.ts';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { importanceMap, logitWindows, logitWindowStarts } from '#main/inference/nnunet/logitWindows.ts';
import { NnunetPredictor } from '#main/inference/nnunet/nnunetPredictor.ts';
import { predictImported } from '#main/inference/nnunet/predictImported.ts';
import { orientedFor, preprocess } from '#main/inference/nnunet/preprocess.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { buildNnunet } from '#main/model/nnunet/network.ts';
import type { Weights } from '#main/model/weights.ts';

const text = (value = '') => ({ type: 'string', default: value }) as const;
const { values } = parseArgs({
  options: {
    python: text(),
    model: text(),
    images: text(),
    features: text('32,64,128,256,320'),
    size: text('96x96x96'),
    patch: text('64x64x64'),
    heads: text('25'),
    threads: text('1'),
    rounds: text('3'),
    'no-mirror': { type: 'boolean', default: false },
    avx2: { type: 'boolean', default: false },
  },
});
const triple = (given: string): Triple => given.split('x').map(Number) as unknown as Triple;
const random = new Random(7);

/** A plain U-Net as nnU-Net plans it, with random weights and no step before or after that costs anything. */
function made(): { card: ImportedModelCard; weights: Weights } {
  const features = values.features.split(',').map(Number);
  const heads = Number(values.heads);
  const network: ImportedModelCard['network'] = {
    kind: 'plainConvUNet',
    inChannels: 1,
    heads,
    features,
    kernels: features.map(() => [3, 3, 3]),
    strides: features.map((_each, stage) => (stage === 0 ? [1, 1, 1] : [2, 2, 2])),
    encoderBlocks: features.map(() => 2),
    decoderConvolutions: features.slice(1).map(() => 2),
    stemFeatures: features[0] ?? 1,
    convolutionBias: true,
    normEpsilon: 1e-5,
    activation: 'leakyRelu',
  };
  const patch = triple(values.patch);
  const resampling = { orderZ: 0, separateZ: null } as const;
  const weights = new Map(
    buildNnunet(network, { batch: 1, size: patch }).parameters.map(({ value, names: [name = ''], init }) => {
      const shape = value.type.shape.slice(1);
      const count = shape.reduce((product, extent) => product * extent, 1);
      const data = Float32Array.from({ length: count }, () =>
        init.kind === 'constant' ? init.value : random.uniform(-init.bound, init.bound),
      );
      return [`fold_0/${name}`, { shape, data }];
    }),
  );
  const labels = labelSetFrom(Array.from({ length: heads - 1 }, (_unused, index) => ({ value: index + 1, name: `Label ${index + 1}` })));
  const card: ImportedModelCard = {
    format: 2,
    variant: 'made',
    network,
    pipeline: {
      orientation: 'stored',
      transpose: [0, 1, 2],
      spacing: [1, 1, 1],
      patch,
      channels: [{ name: 'CT', normalisation: { scheme: 'zscore', masked: false } }],
      resampleImage: { order: 3, ...resampling },
      resampleLogits: { order: 1, ...resampling },
      mirrorAxes: [0, 1, 2],
      output: { kind: 'labels', values: Array.from({ length: heads }, (_unused, head) => head) },
    },
    folds: ['fold_0'],
    labelSet: labels,
    source: { kind: 'nnU-Net', dataset: '', trainer: '', plans: '', configuration: '', licence: null, reference: null, checkpoints: {} },
    importedAt: '',
  };
  return { card, weights };
}

const { card, weights } = values.model === '' ? made() : await importNnunetFolder(values.model, { folds: ['0'] });
const images: Volume[] = [];
for (const file of values.images.split(',').filter((each) => each !== ''))
  images.push((await readImage(file, { cancellation: neverCancelled })).volume);
if (images.length === 0) {
  const [d, h, w] = triple(values.size);
  images.push({
    grid: { size: [w, h, d], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] },
    data: Float32Array.from({ length: d * h * w }, () => random.normal()),
  });
}
const threads = Number(values.threads);
const executor = createCpuExecutor({ threads, ...(values.avx2 && { instructionSet: 'avx2' }) });
const predictor = await NnunetPredictor.create(executor, card, weights);
const { pipeline, network } = card;
const mirror = !values['no-mirror'];

// What PyTorch gets: the image as the network sees it, and where the windows lie.
const prepared = preprocess(
  images.map((image) => orientedFor(image, pipeline)),
  pipeline,
);
if (prepared.size.some((extent, axis) => extent < (pipeline.patch[axis] ?? 0))) throw new Error('The image is smaller than a patch.');
const folder = mkdtempSync(join(tmpdir(), 'imported-prediction-'));
const bytes = (data: Float32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
let at = 0;
const places: Record<string, [readonly number[], number]> = {};
for (const [name, { shape, data }] of weights) {
  places[name.replace(/^fold_\w+\//, '')] = [shape, at];
  at += data.length;
}
writeFileSync(join(folder, 'weights.bin'), Buffer.concat([...weights.values()].map(({ data }) => bytes(data as Float32Array))));
writeFileSync(join(folder, 'volume.bin'), Buffer.concat(prepared.channels.map(bytes)));
writeFileSync(join(folder, 'importance.bin'), bytes(importanceMap(pipeline.patch)));
const starts = prepared.size.map((extent, axis) => logitWindowStarts(extent, pipeline.patch[axis] ?? 1, 0.5));
writeFileSync(
  join(folder, 'job.json'),
  JSON.stringify({
    network,
    patch: pipeline.patch,
    size: prepared.size,
    starts,
    mirrorAxes: mirror ? pipeline.mirrorAxes : [],
    threads,
    weights: places,
  }),
);

interface Taken {
  readonly wall: number;
  readonly cpu: number;
}
const ours: Taken[] = [];
const theirs: Taken[] = [];
async function predictHere(): Promise<void> {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  await predictImported(images, card, predictor, { mirror });
  const { user, system } = process.cpuUsage(cpu);
  ours.push({ wall: (performance.now() - wall) / 1e3, cpu: (user + system) / 1e6 });
}
const python = spawn(values.python, [join(import.meta.dirname, 'importedTorch.py'), folder], {
  stdio: ['pipe', 'pipe', 'inherit'],
  env: { ...process.env, ...(values.avx2 && { ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2' }) },
});
const lines = createInterface(python.stdout)[Symbol.asyncIterator]();
const answer = async (): Promise<string> => must((await lines.next()).value as string | undefined, 'an answer of PyTorch');
console.log(await answer());
for (let round = 0; round < Number(values.rounds); round++) {
  await predictHere();
  python.stdin.write('\n');
  theirs.push(JSON.parse(await answer()) as Taken);
  console.log(`round ${round}: ours ${show(ours.at(-1))}, PyTorch ${show(theirs.at(-1))}`);
}
python.stdin.end();
await once(python, 'exit');

// The same classes, by float32 sums on both sides.
const classes = readFileSync(join(folder, 'classes.bin'));
let differing = 0;
let plane = 0;
await logitWindows(prepared.channels, prepared.size, predictor, { mirrorAxes: mirror ? pipeline.mirrorAxes : [] }, (_d, logits) => {
  const area = logits.length / network.heads;
  for (let voxel = 0; voxel < area; voxel++) {
    let best = 0;
    for (let head = 1; head < network.heads; head++)
      if ((logits[head * area + voxel] ?? 0) > (logits[best * area + voxel] ?? 0)) best = head;
    if (best !== classes[plane * area + voxel]) differing++;
  }
  plane++;
});
const median = (pick: keyof Taken, all: readonly Taken[]): number =>
  all.map((each) => each[pick]).toSorted((a, b) => a - b)[all.length >> 1] ?? NaN;
const windows = starts.reduce((product, along) => product * along.length, 1);
console.log(
  `${windows} windows of ${pipeline.patch.join('×')}, ${network.heads} heads, widths ${network.features.join('/')}, ${threads} threads, ${mirror ? 'mirrored' : 'not mirrored'}; ${differing} of ${classes.length} voxels differ`,
);
for (const pick of ['cpu', 'wall'] as const)
  console.log(
    `${pick}: ours ${median(pick, ours).toFixed(2)} s, PyTorch ${median(pick, theirs).toFixed(2)} s, ${(median(pick, theirs) / median(pick, ours)).toFixed(2)} times`,
  );
predictor.dispose();
executor.dispose();
rmSync(folder, { recursive: true, force: true });

function show(taken: Taken | undefined): string {
  return `${taken?.cpu.toFixed(2)} s of processor time, ${taken?.wall.toFixed(2)} s`;
}
