/**
 * Our mini-batch k-means beside scikit-learn's on the same slices: same K, 350 batches of 1024, means over seeds.
 *   taskset -c 0,1 node test/bench/kmeans.ts [--data ../shared/data/hippocampus] [--python PYTHON] [--clusters 200] [--seeds 3]
 * Without --data: 10,240 vectors of 2,304 values from a mixture of 300 blurred patterns.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '#shared/base/random.ts';
import { assignClusters, miniBatchKMeans } from '#main/clustering/miniBatchKMeans.ts';
import { plainInnerProducts } from '#main/clustering/innerProducts.ts';
import { engineInnerProducts } from '#main/clustering/engineInnerProducts.ts';
import { choosePlane, sliceVectors } from '#main/clustering/slices.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    python: { type: 'string' },
    clusters: { type: 'string', default: '200' },
    seeds: { type: 'string', default: '3' },
    plain: { type: 'boolean' },
  },
});
const clusters = Number(values.clusters);
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);

function mixture(): { points: Float32Array; dimension: number } {
  const random = new Random(1);
  const [count, side, patterns] = [10_240, 48, 300];
  const dimension = side * side;
  const centres = Float32Array.from({ length: patterns * dimension }, () => 0);
  for (let pattern = 0; pattern < patterns; pattern++)
    for (let blob = 0; blob < 6; blob++) {
      const [x, y, r, h] = [random.uniform(0, side), random.uniform(0, side), random.uniform(3, 12), random.uniform(-1, 1)];
      for (let at = 0; at < dimension; at++) {
        const d2 = ((at % side) - x) ** 2 + (Math.floor(at / side) - y) ** 2;
        centres[pattern * dimension + at] = (centres[pattern * dimension + at] as number) + h * Math.exp(-d2 / (2 * r * r));
      }
    }
  const points = new Float32Array(count * dimension);
  for (let row = 0; row < count; row++) {
    const from = random.integer(patterns) * dimension;
    for (let at = 0; at < dimension; at++) points[row * dimension + at] = (centres[from + at] as number) + 0.3 * random.normal();
  }
  return { points, dimension };
}

async function slices(folder: string): Promise<{ points: Float32Array; dimension: number }> {
  const { readImage } = await import('#main/imageio/readImage.ts');
  const { prepareImage } = await import('#main/inference/prepareVolume.ts');
  const files = ['imagesTr', 'imagesUnlabelled'].flatMap((name) =>
    readdirSync(join(folder, name))
      .filter((file) => file.endsWith('.nii.gz'))
      .map((file) => join(folder, name, file)),
  );
  const volumes = [];
  for (const file of files)
    volumes.push(prepareImage((await readImage(file)).volume, [1, 1, 1], { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 }));
  const plane = choosePlane(volumes.map((volume) => volume.grid.size));
  const parts = volumes.map((volume) =>
    sliceVectors(
      [{ data: volume.data, background: volume.data.reduce((low, value) => Math.min(low, value), Infinity) }],
      volume.grid.size,
      plane,
    ),
  );
  const points = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    points.set(part, at);
    at += part.length;
  }
  return { points, dimension: plane.rows * plane.columns };
}

const { points, dimension } = values.data === undefined ? mixture() : await slices(values.data);
const count = Math.floor(points.length / dimension / 1024) * 1024; // scikit-learn counts batches as epochs·n/1024
const used = points.subarray(0, count * dimension);
console.log(`${count} slices of ${dimension} values, K=${clusters}, 350 batches of 1024`);

const makeProducts =
  values.plain === true
    ? plainInnerProducts
    : await (async () => {
        const { openExecutor } = await import('#main/engine/devices/openExecutor.ts');
        const executor = await openExecutor('cpu');
        console.log(executor.description);
        return engineInnerProducts(executor);
      })();
const ours = [];
for (const seed of seeds) {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const clusterer = await miniBatchKMeans(used, dimension, { clusters, seed, products: makeProducts });
  const trained = performance.now();
  const spent = process.cpuUsage(cpu);
  const { inertia, labels } = await assignClusters(clusterer, used, makeProducts);
  ours.push({
    seconds: (trained - start) / 1000,
    cpuSeconds: (spent.user + spent.system) / 1e6,
    assignSeconds: (performance.now() - trained) / 1000,
    inertia,
    used: new Set(labels).size,
  });
}
const mean = (numbers: number[]): number => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
console.table(ours);

if (values.python !== undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'kmeans-'));
  writeFileSync(join(folder, 'points.f32'), new Uint8Array(used.buffer, used.byteOffset, used.byteLength));
  const script = `
import json, sys, time, warnings
warnings.filterwarnings('ignore')
import numpy as np
from sklearn.cluster import MiniBatchKMeans
folder, d, k, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
x = np.fromfile(folder + '/points.f32', np.float32).reshape(-1, d)
out = []
for s in range(seeds):
    # the nearest whole number of epochs; the count of steps made is measured
    m = MiniBatchKMeans(k, batch_size=1024, max_iter=-(-350 * 1024 // len(x)), n_init=1, max_no_improvement=None, compute_labels=False, random_state=s)
    t = time.perf_counter(); c = time.process_time(); m.fit(x); t1 = time.perf_counter(); cpu = time.process_time() - c
    labels = m.predict(x); t2 = time.perf_counter()
    inertia = float(((x - m.cluster_centers_[labels]).astype(np.float64) ** 2).sum())
    out.append(dict(seconds=t1 - t, cpuSeconds=cpu, assignSeconds=t2 - t1, inertia=inertia, steps=int(m.n_steps_), used=len(set(labels.tolist()))))
json.dump(out, open(folder + '/out.json', 'w'))
`;
  const run = spawnSync(values.python, ['-c', script, folder, String(dimension), String(clusters), String(seeds.length)], {
    stdio: 'inherit',
    env: { ...process.env, OMP_NUM_THREADS: '2' },
  });
  if (run.status === 0) {
    const theirs = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')) as {
      seconds: number;
      cpuSeconds: number;
      assignSeconds: number;
      inertia: number;
      steps: number;
    }[];
    console.table(theirs);
    const perStep = (list: { seconds: number; cpuSeconds: number; steps?: number }[], key: 'seconds' | 'cpuSeconds'): number =>
      mean(list.map((each) => each[key] / (each.steps ?? 350)));
    console.log(`inertia ours / theirs: ${(mean(ours.map((each) => each.inertia)) / mean(theirs.map((each) => each.inertia))).toFixed(4)}`);
    for (const key of ['seconds', 'cpuSeconds'] as const)
      console.log(`${key} a batch, seeding included, ours / theirs: ${(perStep(ours, key) / perStep(theirs, key)).toFixed(2)}`);
  }
  rmSync(folder, { recursive: true });
}
process.exit(0);
