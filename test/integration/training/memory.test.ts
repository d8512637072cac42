import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { JobQueue } from '#main/jobs/queue.ts';
import { MemoryJobStore } from '#main/jobs/store.ts';
import { paperOptimiser } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { trainingBytes } from '#main/training/trainingNetwork.ts';
import { labelSet, phantoms, type PhantomCase } from '../../support/improve.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'memory-'));
  cases = await phantoms(join(root, 'scans'), 3, 2);
}, 60_000);
afterAll(() => { rmSync(root, { recursive: true, force: true }); });
afterEach(() => { delete process.env['LOGONET_DEVICE_MEMORY']; });

const patch = [16, 16, 16] as const;
const store = new MemoryJobStore();
const told: string[] = [];

function makeQueue(step: (id: string, step: number) => void = () => undefined): JobQueue {
  return new JobQueue({ store, folder: (id) => join(root, id), events: {
    changed: () => undefined, point: (id, point) => { step(id, point.step); }, alarm: () => undefined, compute: ({ state, message }) => { told.push(`${state}: ${message}`); },
  } });
}

const request = {
  kind: 'train', title: 'Train',
  config: {
    cases: [] as { name: string; image: string; labels: string }[], labelSet, variant: 'tiny', threads: 1, seed: 1, patch: [...patch], batch: 2, budget: { steps: 8 }, validationFraction: 0, checkpointSeconds: 0,
  },
} as const;

async function submit(queue: JobQueue): Promise<string> {
  const { id } = await queue.submit({ ...request, config: { ...request.config, cases: cases.map(({ name, image, mask }) => ({ name, image, labels: mask })) } });
  return id;
}

const weightsOf = (id: string): Buffer => readFileSync(join(root, id, 'out', 'weights.safetensors'));

it('a training whose device has less memory than before goes on from its checkpoint with a smaller plan, and ends with the same weights', { timeout: 600_000 }, async () => {
  const executor = createCpuExecutor({ threads: 1 });
  const bytes = trainingBytes(executor, variant('tiny', 3), { batch: 2, patch, optimiser: paperOptimiser, loss: { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1 } }) ?? 0;
  executor.dispose();

  let paused: Promise<void> | undefined;
  const queue = makeQueue((id, step) => { if (step >= 3) paused ??= queue.pause(id); });
  const id = await submit(queue);
  expect(await queue.wait(id)).toMatchObject({ state: 'paused', canResume: true });
  await paused;
  await queue.close();

  process.env['LOGONET_DEVICE_MEMORY'] = String(Math.floor(bytes * 0.9));
  const scarce = makeQueue();
  scarce.resume(id);
  expect(await scarce.wait(id)).toMatchObject({ state: 'done', attempt: 3, error: null });
  expect(told.some((message) => /^restarted: .*needs .* goes on from its checkpoint with a smaller plan/.test(message))).toBe(true);
  expect((await scarce.log(id)).alarms.some(({ message }) => message.startsWith('Goes on with'))).toBe(true);
  await scarce.close();

  delete process.env['LOGONET_DEVICE_MEMORY'];
  const undisturbed = makeQueue();
  const other = await submit(undisturbed);
  expect(await undisturbed.wait(other)).toMatchObject({ state: 'done', attempt: 1 });
  await undisturbed.close();
  expect(weightsOf(id).equals(weightsOf(other))).toBe(true);
});
