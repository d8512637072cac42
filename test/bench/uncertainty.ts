/**
 * Do the most uncertain slices hold the errors? Predicts cases with masks and prints, for each way to score a slice, which part of the wrong
 * voxels lies in the tenth of the slices with the highest score: of all slices together, and of each volume by itself (mean over volumes);
 * beside the most that any tenth could hold.
 *   node test/bench/uncertainty.ts --model MODELDIR (--images DIR --labels DIR | --phantoms 10) [--cases 20] [--resolution 2.5] [--threads 1]
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makePhantom } from '#shared/domain/phantom.ts';
import { rankSlices } from '#shared/domain/sliceUncertainty.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { predictVolume } from '#main/inference/predictVolume.ts';
import type { PatchPredictor } from '#main/inference/slidingWindow.ts';
import { mirror } from '#main/inference/windows.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { openExecutor } from '#main/engine/devices/openExecutor.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'resources/models/phantom' },
    images: { type: 'string' },
    labels: { type: 'string' },
    cases: { type: 'string', default: '20' },
    phantoms: { type: 'string' },
    resolution: { type: 'string', default: '2.5' },
    threads: { type: 'string' },
  },
});

/** Seeds that no shipped model was trained on. */
const FIRST_PHANTOM = 9001;

async function* cases(): AsyncGenerator<{ image: Volume; truth: LabelVolume }> {
  if (values.phantoms !== undefined) {
    for (let seed = FIRST_PHANTOM; seed < FIRST_PHANTOM + Number(values.phantoms); seed++) {
      const { image, labels } = makePhantom({ seed, resolution: Number(values.resolution) });
      yield { image, truth: labels };
    }
    return;
  }
  const { images = '', labels = '' } = values;
  const names = readdirSync(images)
    .filter((name) => /\.nii(\.gz)?$/.test(name) && !name.startsWith('.'))
    .sort()
    .slice(-Number(values.cases));
  for (const name of names)
    yield { image: (await readImage(join(images, name))).volume, truth: (await readLabels(join(labels, name))).volume as LabelVolume };
}

/** The network as it sees a patch from the other side. */
function flipped(predictor: PatchPredictor): PatchPredictor {
  const [depth, height, width] = predictor.patch;
  const turned = new Float32Array(depth * height * width);
  const back = new Float32Array(turned.length * predictor.classes);
  return {
    classes: predictor.classes,
    patch: predictor.patch,
    dispose: () => undefined,
    predict: async (image) => {
      mirror(image, 1, [width, height, depth], [0], turned);
      mirror(await predictor.predict(turned), predictor.classes, [width, height, depth], [0], back);
      return back;
    },
  };
}

const { card, weights } = await loadModel(values.model);
const executor = await openExecutor('cpu', values.threads === undefined ? {} : { threads: Number(values.threads) });
const predictor = await NetworkPredictor.create(executor, card.architecture, card.patch, weights);

interface Slice {
  readonly wrong: number;
  readonly scores: Readonly<Record<string, number>>;
}
const volumes: Slice[][][] = [[], [], []];
const histogram = { all: new Float64Array(256), wrong: new Float64Array(256) };
const common = { overlap: 0.5, uncertainty: true };
for await (const { image, truth } of cases()) {
  const both = await predictVolume([image], card, predictor, { ...common, mirrorAxes: mirrorAxesFor(card.labelSet) });
  const one = await predictVolume([image], card, predictor, common);
  const other = await predictVolume([image], card, flipped(predictor), common);
  const { size } = image.grid;
  const entropy = both.uncertainty?.data ?? new Uint8Array();
  for (const [at, value] of entropy.entries()) {
    histogram.all[value] = (histogram.all[value] ?? 0) + 1;
    if (both.labels.data[at] !== truth.data[at]) histogram.wrong[value] = (histogram.wrong[value] ?? 0) + 1;
  }
  for (const axis of [0, 1, 2] as const) {
    const sums = Array.from({ length: size[axis] }, () => ({
      wrong: 0,
      entropy: 0,
      unsure: 0,
      foreground: 0,
      within: 0,
      flips: 0,
      squares: 0,
    }));
    for (let at = 0; at < truth.data.length; at++) {
      const sum = sums[[at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))][axis] as number];
      if (sum === undefined) continue;
      const [label, value] = [both.labels.data[at] as number, entropy[at] as number];
      if (label !== truth.data[at]) sum.wrong++;
      sum.entropy += value;
      sum.squares += value * value;
      if (value >= 128) sum.unsure++;
      if (label !== 0 || value >= 26) {
        sum.foreground++;
        sum.within += value;
      }
      if (one.labels.data[at] !== other.labels.data[at]) sum.flips++;
    }
    const ranked = new Map(rankSlices(entropy, size, axis).map(({ index, score }) => [index, score]));
    volumes[axis]?.push(
      sums.map(({ wrong, entropy: total, unsure, foreground, within, flips, squares }, index) => ({
        wrong,
        scores: {
          'product (rankSlices)': ranked.get(index) ?? 0,
          'sum of entropy': total,
          'mean entropy in foreground': within / Math.max(1, foreground),
          'sum of squared entropy': squares,
          'voxels of entropy above a half': unsure,
          'flip disagreement': flips,
          'entropy + flips': total / 255 + flips,
          'most possible': wrong,
        },
      })),
    );
  }
}

/** Part of the wrong voxels that the tenth with the highest score holds. */
function share(slices: readonly Slice[], score: string): number {
  const total = slices.reduce((sum, { wrong }) => sum + wrong, 0);
  const tenth = [...slices]
    .sort((a, b) => (b.scores[score] ?? 0) - (a.scores[score] ?? 0))
    .slice(0, Math.max(1, Math.round(slices.length / 10)));
  return total === 0 ? 0 : tenth.reduce((sum, { wrong }) => sum + wrong, 0) / total;
}

/** Part of the wrong voxels among the given part of all voxels with the highest entropy. */
function voxelShare(part: number): number {
  const total = histogram.all.reduce((sum, count) => sum + count, 0);
  const wrong = histogram.wrong.reduce((sum, count) => sum + count, 0);
  let [left, found] = [part * total, 0];
  for (let value = 255; value >= 0 && left > 0; value--) {
    const count = histogram.all[value] ?? 0;
    found += (histogram.wrong[value] ?? 0) * Math.min(1, left / Math.max(1, count));
    left -= count;
  }
  return found / wrong;
}

const percent = (value: number): string => `${(100 * value).toFixed(1)}%`.padStart(7);
for (const [axis, own] of volumes.entries()) {
  const all = own.flat();
  const wrong = all.reduce((sum, each) => sum + each.wrong, 0);
  console.log(
    `axis ${'ijk'[axis]}: ${own.length} volumes, ${all.length} slices, ${wrong} wrong voxels; share in the tenth with the highest score (all slices | volume by volume)`,
  );
  for (const score of Object.keys(all[0]?.scores ?? {})) {
    console.log(
      `  ${score.padEnd(32)} ${percent(share(all, score))} | ${percent(own.reduce((sum, slices) => sum + share(slices, score), 0) / own.length)}`,
    );
  }
}
console.log(
  `wrong voxels among the most uncertain 1%, 2%, 5%, 10% of all voxels:${[0.01, 0.02, 0.05, 0.1].map((part) => percent(voxelShare(part))).join(',')}`,
);
predictor.dispose();
executor.dispose();
process.exit(0);
