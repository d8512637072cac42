import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Volume } from '#shared/geometry/grid.ts';
import { importTarget } from '#main/exchange/importCases.ts';
import type { ImportPlan } from '#main/exchange/plan/importPlan.ts';
import { planImport, type PlanOptions } from '#main/exchange/plan/planImport.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import type { Project } from '#main/library/index.ts';
import { emptyProject, placed, quietly, size } from './exchange.ts';
import { rampVolume } from './studio.ts';

/** For each test of a file a folder with an empty project, and `in`, where what comes into it is written. */
export interface IncomingImages {
  readonly folder: string;
  /** Closed after each test; another may take its place. */
  project: Project;
  /** A path below `in`, whose folder is made. */
  at(...parts: string[]): string;
  write(volume: Volume, ...parts: string[]): Promise<unknown>;
  /** Writes nnU-Net's description of a data set. */
  describeSet(description: object): void;
  plan(options?: Partial<PlanOptions>): Promise<ImportPlan>;
}

export function incomingImages(): IncomingImages {
  let folder = '';
  let project: Project | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'case-images-'));
    project = emptyProject(join(folder, 'project'));
  });
  afterEach(() => {
    project?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const here: IncomingImages = {
    get folder() {
      return folder;
    },
    get project() {
      if (project === undefined) throw new Error('No test has begun.');
      return project;
    },
    set project(other) {
      project = other;
    },
    at: (...parts) => placed(join(folder, 'in', ...parts)),
    write: (volume, ...parts) => writeVolume(here.at(...parts), volume),
    describeSet: (description) => {
      writeFileSync(here.at('dataset.json'), JSON.stringify({ labels: { background: 0, tumour: 1 }, ...description }));
    },
    plan: (options = {}) => planImport([join(folder, 'in')], importTarget(here.project, quietly.cancellation), { ...quietly, ...options }),
  };
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
