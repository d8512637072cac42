import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { JobQueue } from '#main/jobs/queue.ts';
import { MemoryJobStore } from '#main/jobs/store.ts';
import { labelSet, phantoms } from '../../support/improve.ts';
import type { TrustRow } from '../row.ts';
import { growthOf, usageOf, type Usage } from '../usage.ts';

const settled = 10;

export const row: TrustRow = {
  name: 'soak-trainings',
  property: 'one compute process trains again and again with flat memory, descriptors and threads',
  count: 50,
  short: 2,
  async run({ count, folder }) {
    const cases = await phantoms(join(folder, 'scans'), 4, 9);
    const alarms: string[] = [];
    const queue = new JobQueue({
      store: new MemoryJobStore(),
      folder: (id) => join(folder, 'jobs', id),
      events: {
        changed: () => undefined,
        point: () => undefined,
        alarm: () => undefined,
        compute: ({ message }) => {
          alarms.push(message);
        },
      },
    });
    const failures: string[] = [];
    const usage: Usage[] = [];
    const pids = new Set<number>();
    try {
      for (let training = 0; training < count; training++) {
        const { id } = await queue.submit({
          kind: 'train',
          title: 'Train',
          config: {
            variant: 'tiny',
            patch: [16, 16, 16],
            batch: 1,
            budget: { steps: 10 },
            threads: 1,
            seed: training,
            cases: cases.map(({ name, image, mask }) => ({ name, image, labels: mask })),
            labelSet,
            modality: 'MR',
            checkpointSeconds: 0,
            validateEvery: 5,
          },
        });
        const job = await queue.wait(id);
        if (job.state !== 'done') failures.push(`training ${training}: ${job.state}, ${job.error?.message ?? ''}`);
        rmSync(join(folder, 'jobs', id), { recursive: true, force: true });
        const pid = queue.computePid;
        const now = pid === undefined ? null : usageOf(pid);
        if (pid !== undefined) pids.add(pid);
        if (now !== null) usage.push(now);
      }
    } finally {
      await queue.close();
    }
    if (pids.size > 1) failures.push(`${pids.size} compute processes: ${alarms.join(' ')}`);
    const [before, after] = [usage[Math.min(settled, count >> 1)], usage.at(-1)];
    if (before === undefined || after === undefined) return { tried: count, failures, note: 'no /proc here: nothing was measured' };
    const growth = growthOf('the compute process', before, after);
    return { tried: count, failures: [...failures, ...growth.failures], most: { 'MB in all': after.megabytes, ...growth.most } };
  },
};
