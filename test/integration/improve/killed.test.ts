import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JobQueue } from '#main/jobs/queue.ts';
import { MemoryJobStore } from '#main/jobs/store.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { saveModel } from '#main/model/modelFolder.ts';
import { labelSet, phantoms, type PhantomCase } from '../../support/improve.ts';
import { writeTinyFolder } from '../../support/nnunetFolder.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'killed-'));
  cases = await phantoms(join(root, 'scans'), 7, 2);
});
afterAll(() => {
  for (const variable of ['KILL_IN', 'MARKS']) Reflect.deleteProperty(process.env, variable);
  rmSync(root, { recursive: true, force: true });
});

/** Improves through the real compute process, which is killed (-9) within each of these phases; resolves with the weights. */
async function improve(
  name: string,
  killIn: readonly string[],
  more: object = {},
): Promise<{ weights: Buffer; attempts: number; killed: string[]; alarms: string[] }> {
  const marks = join(root, `${name}-marks`);
  mkdirSync(marks);
  Object.assign(process.env, { KILL_IN: JSON.stringify(killIn), MARKS: marks });
  const alarms: string[] = [];
  const queue = new JobQueue({
    store: new MemoryJobStore(),
    folder: (id) => join(root, name, id),
    restarts: 10,
    compute: { entry: join(import.meta.dirname, '../../support/jobs/interruptedWorker.ts') },
    events: {
      changed: () => undefined,
      point: () => undefined,
      alarm: (_id, { message }) => {
        alarms.push(message);
      },
      compute: () => undefined,
    },
  });
  try {
    const { id } = await queue.submit({
      kind: 'improve',
      title: 'Improve',
      config: {
        cases: cases.map((each, index) => ({ ...each, mask: index < 5 ? each.mask : null, heldOut: index === 3 || index === 4 })),
        labelSet,
        variant: 'tiny',
        threads: 1,
        seed: 1,
        budget: { steps: { pretrain: 6, train: 6 } },
        current: null,
        modelId: 'm',
        modelFolder: join(root, name, 'model'),
        learnedFolder: join(root, name, 'learned'),
        ...more,
      },
    });
    const job = await queue.wait(id);
    expect(job.error).toBeNull();
    expect(job).toMatchObject({ state: 'done', modelId: 'm' });
    return {
      weights: readFileSync(join(root, name, 'model', 'weights.safetensors')),
      attempts: job.attempt,
      killed: readdirSync(marks),
      alarms,
    };
  } finally {
    await queue.close();
  }
}

it('an improvement that is killed in every phase ends with the weights of one that was not', { timeout: 1_800_000 }, async () => {
  const phases = [
    'Preparing scans',
    'Clustering slices',
    'Pre-training',
    'Taking statistics of whole scans',
    'Training',
    'Measuring the new model',
  ];
  const whole = await improve('whole', []);
  const broken = await improve('broken', phases);
  expect(broken.killed.toSorted()).toEqual(phases.toSorted());
  expect([whole.attempts, broken.attempts]).toEqual([1, phases.length + 1]);
  // Memory may have been the reason: the attempt after each kill asks for less, the pre-training with the head that it began with.
  expect(new Set(broken.alarms.filter((alarm) => alarm.startsWith('Goes on with'))).size).toBeGreaterThanOrEqual(2);
  expect(new Set(broken.alarms.filter((alarm) => alarm.startsWith('Pre-training on')))).toEqual(
    new Set(whole.alarms.filter((alarm) => alarm.startsWith('Pre-training on'))),
  );
  expect(broken.weights.equals(whole.weights)).toBe(true);
});

it('so does an imported model that goes on', { timeout: 1_800_000 }, async () => {
  await writeTinyFolder(join(root, 'nnunet'), { kind: 'residual' });
  const { card, weights } = await importNnunetFolder(join(root, 'nnunet'));
  await saveModel(join(root, 'imported'), card, weights);
  const more = {
    current: { modelId: 'before', folder: join(root, 'imported') },
    budget: { steps: { pretrain: 0, train: 6 } },
    variant: undefined,
  };
  const phases = ['Preparing cases', 'Training', 'Measuring the new model'];
  const whole = await improve('imported whole', [], more);
  const broken = await improve('imported broken', phases, more);
  expect(broken.killed.toSorted()).toEqual(phases.toSorted());
  expect(broken.weights.equals(whole.weights)).toBe(true);
});
