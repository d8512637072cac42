/**
 * Times the segmentation document on a 512×512×600 volume: `node test/bench/segmentation.ts`. One table on stdout; nothing is asserted.
 * The targets are those of a quiet machine with two cores.
 */
import { Random } from '#shared/base/random.ts';
import type { Grid, LabelVolume, LpsPoint, Triple, Volume } from '#shared/geometry/grid.ts';
import {
  dabsAlong,
  encodeMask,
  freePolicy,
  paint,
  runOperation,
  SegmentationDocument,
  type Operation,
} from '#shared/segmentation/index.ts';

const size: Triple = [512, 512, 600];
const grid: Grid = { size, affine: [0.8, 0, 0, -204, 0, 0.8, 0, -204, 0, 0, 1, 0] };
const voxels = size[0] * size[1] * size[2];
const random = new Random(1);

const quantile = (values: number[], fraction: number): number =>
  values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * fraction))] ?? 0;
const report = (what: string, values: number[], target: string): void => {
  console.log(
    `${what.padEnd(58)} median ${quantile(values, 0.5).toFixed(2).padStart(9)} ms   p95 ${quantile(values, 0.95).toFixed(2).padStart(9)} ms   ${target}`,
  );
};
/** Milliseconds of this thread's processor time, so that whatever else runs on the machine counts little. */
const timed = (work: () => void): number => {
  const start = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1000;
};

/** Twelve organs: ellipsoids of 40 to 180 mm, with specks around them and holes in them. */
function organs(): LabelVolume {
  const volume: LabelVolume = { grid, data: new Uint8Array(voxels) };
  for (let label = 1; label <= 12; label++) {
    const centre: LpsPoint = [random.uniform(-120, 120), random.uniform(-120, 120), random.uniform(90, 500)];
    paint({ volume, policy: freePolicy }, { kind: 'ball', centre, radius: random.uniform(20, 90) }, label);
  }
  for (let n = 0; n < 3000; n++) {
    const centre: LpsPoint = [random.uniform(-200, 200), random.uniform(-200, 200), random.uniform(0, 600)];
    paint({ volume, policy: freePolicy }, { kind: 'ball', centre, radius: random.uniform(0.5, 4) }, random.integer(13));
  }
  return volume;
}

const volume = organs();
const image: Volume = { grid, data: new Int16Array(voxels) };
for (let at = 0; at < voxels; at++) image.data[at] = (volume.data[at] as number) * 60 + ((at * 2654435761) >>> 27);

const dabs: number[] = [];
const commits: number[] = [];
const undos: number[] = [];
let journalBytes = 0;
const document = new SegmentationDocument(volume, {
  sink: (record) => {
    journalBytes += record.length;
  },
});
for (let n = 0; n < 60; n++) {
  const from: LpsPoint = [random.uniform(-150, 150), random.uniform(-150, 150), random.uniform(50, 550)];
  const to: LpsPoint = [from[0] + random.uniform(-60, 60), from[1] + random.uniform(-60, 60), from[2]];
  const stroke = document.begin('Brush');
  for (const centre of dabsAlong(from, to, 1.6))
    dabs.push(timed(() => stroke.add(paint({ volume, policy: freePolicy }, { kind: 'ball', centre, radius: 8 }, 1 + (n % 12)))));
  commits.push(timed(() => stroke.commit()));
}
while (document.history.canUndo) undos.push(timed(() => document.undo()));
report(`ball dab, radius 10 voxels, delta and record (${dabs.length})`, dabs, 'target p95 ≤ 2 ms');
report('end of a stroke', commits, '');
report('undo of a stroke', undos, 'target ≤ 5 ms');
console.log(`journal: ${(journalBytes / dabs.length).toFixed(0)} bytes a dab`);

const largest: LpsPoint = [0, 0, 300];
const flood = document.begin('Giant stroke');
for (let n = 0; n < 400; n++)
  flood.add(
    paint(
      { volume, policy: freePolicy },
      { kind: 'ball', centre: [largest[0] + Math.sin(n / 9) * 140, Math.cos(n / 7) * 140, 100 + n], radius: 24 },
      3,
    ),
  );
const giant = timed(() => flood.commit());
report(`undo of a giant stroke (400 dabs of radius 30, ${giant.toFixed(0)} ms to end)`, [timed(() => document.undo())], 'target ≤ 5 ms');

const operations: readonly (readonly [string, Operation, string])[] = [
  ['fill of the background, whole volume', { kind: 'floodFill', seed: [0, 0, 0], label: 13 }, 'target ≤ 2 s'],
  ['region growing over noise, whole volume', { kind: 'regionGrow', seed: [0, 0, 0], label: 13, low: -100, high: 25 }, 'target ≤ 2 s'],
  ['keep largest of the background-sized label', { kind: 'keepLargest', label: 1 }, 'target ≤ 2 s'],
  ['remove small', { kind: 'removeSmall', label: 2, minimumMillilitres: 1 }, 'target ≤ 2 s'],
  ['fill holes', { kind: 'fillHoles', label: 3 }, 'target ≤ 2 s'],
  ['invert (every voxel of background)', { kind: 'boolean', label: 4, operator: 'invert' }, ''],
  ['grow 3 mm', { kind: 'grow', label: 5, distance: 3 }, ''],
  ['smooth, gaussian 1.5 mm', { kind: 'smooth', label: 6, method: 'gaussian', radius: 1.5 }, ''],
];
for (const [name, operation, target] of operations) {
  const times: number[] = [];
  for (let n = 0; n < 3; n++) {
    const before = document.history.done;
    times.push(timed(() => document.push(name, runOperation({ volume, image, policy: freePolicy }, operation))));
    if (document.history.done > before) document.undo();
  }
  report(name, times, target);
}
const filled: LabelVolume = { grid, data: new Uint8Array(voxels).fill(1) };
report(
  'islands of a label that fills the whole volume',
  [timed(() => runOperation({ volume: filled, policy: freePolicy }, { kind: 'keepLargest', label: 1 }))],
  'target ≤ 2 s',
);
report(
  'encode the mask',
  [1, 2, 3].map(() => timed(() => encodeMask(volume))),
  '',
);
