/**
 * The memory that a prediction with many classes takes: a generated network of a few channels and many heads over a generated CT.
 *   nice -n 19 node test/bench/importedMemory.ts [--size 600x512x512] [--spacing 1x0.8x0.8] [--model-spacing 1.5x1.5x1.5] [--patch 128x128x128] [--heads 118] [--share 0.1]
 * Axes are z, y, x. Stops after that share of the windows: from the second row of windows along z on nothing grows. Prints the largest resident memory of the process.
 */
import { parseArgs } from 'node:util';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { ImportedModelCard, NnunetNetwork } from '#shared/domain/importedModel.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { NnunetPredictor } from '#main/inference/nnunet/nnunetPredictor.ts';
import { predictImported } from '#main/inference/nnunet/predictImported.ts';
import { buildNnunet } from '#main/model/nnunet/network.ts';

const text = (value: string) => ({ type: 'string', default: value }) as const;
const { values } = parseArgs({
  options: {
    size: text('600x512x512'),
    spacing: text('1x0.8x0.8'),
    'model-spacing': text('1.5x1.5x1.5'),
    patch: text('128x128x128'),
    heads: text('118'),
    share: text('0.3'),
  },
});
const triple = (given: string): Triple => given.split('x').map(Number) as unknown as Triple;
const [d, h, w] = triple(values.size);
const [sd, sh, sw] = triple(values.spacing);
const heads = Number(values.heads);
const patch = triple(values.patch);
const random = new Random(3);
const network: NnunetNetwork = {
  kind: 'plainConvUNet',
  inChannels: 1,
  heads,
  features: [4, 8],
  kernels: [
    [3, 3, 3],
    [3, 3, 3],
  ],
  strides: [
    [1, 1, 1],
    [2, 2, 2],
  ],
  encoderBlocks: [1, 1],
  decoderConvolutions: [1],
  stemFeatures: 4,
  convolutionBias: true,
  normEpsilon: 1e-5,
  activation: 'leakyRelu',
};
const resampling = { orderZ: 0, separateZ: null } as const;
const card = {
  network,
  folds: ['fold_0'],
  pipeline: {
    orientation: 'stored',
    transpose: [0, 1, 2],
    spacing: triple(values['model-spacing']),
    patch,
    channels: [{ name: 'CT', normalisation: { scheme: 'ct', low: -1000, high: 1000, mean: 0, deviation: 300 } }],
    resampleImage: { order: 3, ...resampling },
    resampleLogits: { order: 1, ...resampling },
    mirrorAxes: [],
    output: { kind: 'labels', values: Array.from({ length: heads }, (_unused, head) => head) },
  },
} as unknown as ImportedModelCard;
const weights = new Map(
  buildNnunet(network, { batch: 1, size: patch }).parameters.map(({ value, names: [name = ''] }) => {
    const shape = value.type.shape.slice(1);
    return [
      `fold_0/${name}`,
      { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform(-1, 1)) },
    ];
  }),
);
const data = new Int16Array(d * h * w);
for (let at = 0; at < data.length; at++) data[at] = ((at * 2654435761) >>> 21) - 1000;
const executor = createCpuExecutor({ threads: 1 });
const predictor = await NnunetPredictor.create(executor, card, weights);
const cancellation = { aborted: false };
const peak = (): string => `${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GiB`;
console.log(`the image and the network: ${peak()}`);
let begun = false;
try {
  await predictImported([{ grid: { size: [w, h, d], affine: [sw, 0, 0, 0, 0, sh, 0, 0, 0, 0, sd, 0] }, data }], card, predictor, {
    mirror: false,
    cancellation,
    onProgress: (fraction) => {
      if (!begun) console.log(`preprocessed, the first window: ${peak()}`);
      begun = true;
      if (fraction >= Number(values.share)) cancellation.aborted = true;
    },
  });
} catch (error) {
  if (!(error instanceof StudioError) || error.code !== 'cancelled') throw error;
}
console.log(`${values.size} voxels, ${heads} heads, patch ${values.patch}, ${values.share} of the windows: ${peak()}`);
predictor.dispose();
executor.dispose();
