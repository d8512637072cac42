/** Cases of two channels in nnU-Net's layout: each of two organs is seen in one of them alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '#shared/base/random.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';

export interface TwoChannelCase {
  readonly name: string;
  readonly t1: string;
  readonly flair: string;
  readonly mask: string;
}

export const twoChannelLabels = { cyst: 1, oedema: 2 } as const;

/** `count` cases below `folder` with a dataset.json; those whose number is in `lacking` have no FLAIR. */
export async function writeTwoChannels(
  folder: string,
  count: number,
  lacking: readonly number[] = [],
  size: Triple = [20, 24, 16],
): Promise<TwoChannelCase[]> {
  for (const name of ['imagesTr', 'labelsTr']) mkdirSync(join(folder, name), { recursive: true });
  const grid: Grid = { size, affine: [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0] };
  const cases: TwoChannelCase[] = [];
  for (let n = 0; n < count; n++) {
    const random = new Random(100 + n);
    const centres = [0, 1].map((organ) => [random.uniform(6, 13), 6 + 11 * organ + random.uniform(-1.5, 1.5), random.uniform(6, 10)]);
    const voxels = size[0] * size[1] * size[2];
    const [t1, flair, mask] = [new Float32Array(voxels), new Float32Array(voxels), new Uint8Array(voxels)];
    for (let at = 0; at < voxels; at++) {
      const point = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
      const organ = centres.findIndex((centre) => Math.hypot(...point.map((value, axis) => value - (centre[axis] ?? 0))) < 4.5);
      mask[at] = organ + 1;
      t1[at] = 100 + 15 * random.normal() + (organ === 0 ? 120 : 0);
      flair[at] = 700 + 60 * random.normal() + (organ === 1 ? 500 : 0);
    }
    const name = `case_${String(n)}`;
    const paths = {
      name,
      t1: join(folder, 'imagesTr', `${name}_0000.nii.gz`),
      flair: join(folder, 'imagesTr', `${name}_0001.nii.gz`),
      mask: join(folder, 'labelsTr', `${name}.nii.gz`),
    };
    await writeVolume(paths.t1, { grid, data: t1 });
    if (!lacking.includes(n)) await writeVolume(paths.flair, { grid, data: flair });
    await writeVolume(paths.mask, { grid, data: mask });
    cases.push(paths);
  }
  writeFileSync(
    join(folder, 'dataset.json'),
    JSON.stringify({
      channel_names: { 0: 'T1', 1: 'FLAIR' },
      labels: { background: 0, ...twoChannelLabels },
      numTraining: count,
      file_ending: '.nii.gz',
    }),
  );
  return cases;
}
