import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Volume } from '#shared/geometry/grid.ts';
import { importTarget } from '#main/exchange/importCases.ts';
import type { ImportPlan } from '#main/exchange/plan/importPlan.ts';
import { planImport, type PlanOptions } from '#main/exchange/plan/planImport.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { emptyProject, placed, quietly, size } from './exchange.ts';
import { projectPerTest, type ProjectPerTest } from './projectPerTest.ts';
import { rampVolume } from './studio.ts';

/** For each test of a file a folder with an empty project, and `in`, where what comes into it is written. */
export interface IncomingImages extends ProjectPerTest {
  /** A path below `in`, whose folder is made. */
  at(...parts: string[]): string;
  write(volume: Volume, ...parts: string[]): Promise<unknown>;
  /** Writes nnU-Net's description of a data set. */
  describeSet(description: object): void;
  plan(options?: Partial<PlanOptions>): Promise<ImportPlan>;
}

export function incomingImages(): IncomingImages {
  const own = projectPerTest('case-images-', emptyProject);
  const here: IncomingImages = Object.assign(own, {
    at: (...parts: string[]) => placed(join(own.folder, 'in', ...parts)),
    write: (volume: Volume, ...parts: string[]) => writeVolume(here.at(...parts), volume),
    describeSet: (description: object) => {
      writeFileSync(here.at('dataset.json'), JSON.stringify({ labels: { background: 0, tumour: 1 }, ...description }));
    },
    plan: (options: Partial<PlanOptions> = {}) =>
      planImport([join(own.folder, 'in')], importTarget(here.project, quietly.cancellation), { ...quietly, ...options }),
  });
  return here;
}

/** Name, images and parts of the mask of each case that would be imported. */
export const shown = ({ cases }: ImportPlan): unknown[] =>
  cases.map(({ name, images, mask }) => [
    name,
    images.map((image) => [image.name, image.placement.by]),
    mask === null ? 0 : mask.parts.length,
  ]);

/** Half of the voxels along i, so that it lies on another grid of the same place. */
export const coarser = (seed: number): Volume<Int16Array> => {
  const { grid, data } = rampVolume(size, seed);
  const [ni, nj, nk] = grid.size;
  const affine = grid.affine.map((value, n) => (n % 4 === 0 ? value * 2 : value)) as unknown as typeof grid.affine;
  const values = Int16Array.from({ length: (ni / 2) * nj * nk }, (_, n) => data[2 * n] ?? 0);
  return { grid: { size: [ni / 2, nj, nk], affine }, data: values };
};
