/** Small scans with two round organs, and the contexts that tasks run in, for the tests of learning. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { JobAlarm } from '#shared/domain/job.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import type { Task, TaskContext } from '#main/jobs/task.ts';

export const labelSet = {
  labels: [
    { value: 1, name: 'kidney', color: '#e69f00', locked: false },
    { value: 2, name: 'stone', color: '#56b4e9', locked: false },
  ],
};

export interface PhantomCase {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly mask: string;
}

/** `count` scans of about 16³ voxels, slices `apart` mm; the second organ sits beside the first, brighter and smaller. */
export async function phantoms(
  folder: string,
  count: number,
  seed: number,
  size: Triple = [15, 16, 14],
  apart = 1,
): Promise<PhantomCase[]> {
  mkdirSync(folder, { recursive: true });
  const random = new Random(seed);
  const grid: Grid = { size, affine: [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, apart, 0] };
  const cases: PhantomCase[] = [];
  for (let index = 0; index < count; index++) {
    const a = size.map((side) => side / 2 + random.uniform(-1.5, 1.5));
    const b = [(a[0] as number) + random.uniform(-2, 2), (a[1] as number) + 4, a[2] as number];
    const [radius, small] = [random.uniform(3.5, 5), random.uniform(2, 2.8)];
    const image = new Float32Array(size[0] * size[1] * size[2]);
    const mask = new Uint8Array(image.length);
    for (let at = 0; at < image.length; at++) {
      const point = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
      const inside = (centre: number[], r: number): boolean =>
        point.reduce((sum, value, axis) => sum + (value - (centre[axis] as number)) ** 2, 0) <= r * r;
      mask[at] = inside(b, small) ? 2 : inside(a, radius) ? 1 : 0;
      image[at] = 100 + 60 * (mask[at] as number) + 8 * random.normal();
    }
    const id = `case-${String(index).padStart(3, '0')}`;
    const [imagePath, maskPath] = [join(folder, `${id}.nii`), join(folder, `${id}.mask.nii`)];
    await writeVolume(imagePath, { grid, data: image });
    await writeVolume(maskPath, { grid, data: mask });
    cases.push({ id, name: id, image: imagePath, mask: maskPath });
  }
  return cases;
}

export interface RunningTask<Result> {
  readonly result: Promise<Result>;
  readonly alarms: JobAlarm[];
  readonly phases: Set<string>;
}

/** Runs a task in this process; `stopAfter` turns it is cancelled. */
export function runTask<Config, Result>(
  task: Task<Config, Result>,
  config: unknown,
  folder: string,
  stopAfter = Infinity,
): RunningTask<Result> {
  const [checkpointFolder, outFolder] = [join(folder, 'checkpoint'), join(folder, 'out')];
  for (const each of [checkpointFolder, outFolder]) mkdirSync(each, { recursive: true });
  const alarms: JobAlarm[] = [];
  const phases = new Set<string>();
  const cancellation = { aborted: false };
  let turns = 0;
  const context: TaskContext<Config> = {
    jobId: 'test',
    folder,
    checkpointFolder,
    outFolder,
    config: task.parse(config),
    attempt: 1,
    crashes: 0,
    cancellation,
    report: ({ phase }) => {
      phases.add(phase);
    },
    point: () => undefined,
    alarm: (severity, message) => {
      alarms.push({ at: '', severity, message });
    },
    turn: async () => {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      if (++turns > stopAfter) cancellation.aborted = true;
      if (cancellation.aborted) throw new StudioError('cancelled', 'Cancelled.');
    },
  };
  return { result: task.run(context), alarms, phases };
}
