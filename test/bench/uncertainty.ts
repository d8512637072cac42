/**
 * Do the most uncertain slices hold the errors? Predicts cases with masks and prints which part of the wrong voxels lies in the tenth of
 * all slices (along each axis) with the most uncertainty, beside the best that any tenth could hold.
 *   node test/bench/uncertainty.ts --model MODELDIR --images DIR --labels DIR [--cases 20]
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { predictVolume } from '#main/inference/predictVolume.ts';
import { loadModel } from '#main/jobs/tasks/modelFolder.ts';
import { openExecutor } from '#main/jobs/tasks/openExecutor.ts';
import { mirrorAxesFor } from '#main/jobs/tasks/train.ts';

const { values } = parseArgs({ options: { model: { type: 'string' }, images: { type: 'string' }, labels: { type: 'string' }, cases: { type: 'string', default: '20' }, last: { type: 'boolean' } } });
const { model = '', images = '', labels = '' } = values;
const { card, weights } = await loadModel(model);
const executor = await openExecutor('cpu');
const predictor = await NetworkPredictor.create(executor, card.architecture, card.patch, weights);
const names = readdirSync(images).filter((name) => /\.nii(\.gz)?$/.test(name) && !name.startsWith('.')).sort().slice(-Number(values.cases));
const slices: { uncertainty: number; wrong: number }[][] = [[], [], []];
for (const name of names) {
  const { volume } = await readImage(join(images, name));
  const { volume: truth } = await readLabels(join(labels, name));
  const prediction = await predictVolume(volume, card, predictor, { mirrorAxes: mirrorAxesFor(card.labelSet), uncertainty: true });
  const [ni, nj, nk] = volume.grid.size;
  const own = [ni, nj, nk].map((extent) => Array.from({ length: extent }, () => ({ uncertainty: 0, wrong: 0 })));
  for (let at = 0; at < truth.data.length; at++) {
    const place = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
    for (const [axis, index] of place.entries()) {
      const slice = own[axis]?.[index];
      if (slice === undefined) continue;
      slice.uncertainty += prediction.uncertainty?.data[at] ?? 0;
      slice.wrong += prediction.labels.data[at] === truth.data[at] ? 0 : 1;
    }
  }
  own.forEach((each, axis) => slices[axis]?.push(...each));
}
for (const [axis, all] of slices.entries()) {
  const total = all.reduce((sum, { wrong }) => sum + wrong, 0);
  const share = (key: 'uncertainty' | 'wrong'): number => [...all].sort((a, b) => b[key] - a[key]).slice(0, Math.round(all.length / 10)).reduce((sum, { wrong }) => sum + wrong, 0) / total;
  console.log(`axis ${'ijk'[axis]}: ${all.length} slices, ${total} wrong voxels; the most uncertain tenth holds ${(100 * share('uncertainty')).toFixed(1)}%, the worst tenth itself ${(100 * share('wrong')).toFixed(1)}%`);
}
predictor.dispose();
executor.dispose();
process.exit(0);
