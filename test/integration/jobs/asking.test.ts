import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { openPromptNetwork } from '#main/inference/promptNetwork.ts';
import { JobQueue } from '#main/jobs/queue.ts';
import { MemoryJobStore } from '#main/jobs/store.ts';
import { loadPromptModel } from '#main/model/modelFolder.ts';
import { writePromptNetwork } from '#test/support/promptNetwork.ts';

const entry = join(import.meta.dirname, '../../support/jobs/worker.ts');
const side = 16;
const input = Float32Array.from({ length: promptChannels.length * side ** 3 }, (_, n) => Math.sin(n * 0.37));
const bytes = new Uint8Array(input.buffer);
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition())
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
};

describe('asking a prompt network in the compute process', () => {
  let root: string;
  let model: string;
  let queue: JobQueue;
  const points: number[] = [];
  const states: string[] = [];

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'asking-'));
    model = join(root, 'network');
    await writePromptNetwork(model, side);
    queue = new JobQueue({
      store: new MemoryJobStore(),
      folder: (id) => join(root, id),
      events: {
        changed: () => undefined,
        point: (_id, { step }) => points.push(step),
        alarm: () => undefined,
        compute: ({ state }) => states.push(state),
      },
      compute: { entry },
    });
  });
  afterAll(async () => {
    await queue.close();
    rmSync(root, { recursive: true, force: true });
  });

  it('answers as the network does', async () => {
    const executor = createCpuExecutor({ threads: 1 });
    const network = await openPromptNetwork(executor, await loadPromptModel(model));
    const wanted = Uint8Array.from(await network.answer(input), (chance) => Math.round(255 * chance));
    network.dispose();
    executor.dispose();
    const answer = await queue.ask(model, 'cpu', bytes);
    expect(answer.length).toBe(side ** 3);
    expect(new Set(answer).size).toBeGreaterThan(1);
    expect(Math.max(...answer.map((value, at) => Math.abs(value - (wanted[at] as number))))).toBeLessThanOrEqual(1);
  });

  it('says why it does not answer, and answers the next one', async () => {
    await expect(queue.ask(model, 'cpu', bytes.subarray(0, 400))).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(queue.ask(join(root, 'nowhere'), 'cpu', bytes)).rejects.toMatchObject({ code: 'not-found' });
    expect(await queue.ask(model, 'cpu', bytes)).toHaveLength(side ** 3);
  });

  it('answers between the steps of a training, which goes on', async () => {
    const job = await queue.submit({ kind: 'train', title: 'Train', config: { until: 100_000, stepMs: 5 } });
    await until(() => points.length >= 2);
    const before = points.length;
    await queue.ask(model, 'cpu', bytes);
    expect(queue.get(job.id).state).toBe('running');
    await until(() => points.length > before + 1);
    await queue.cancel(job.id);
  });

  it('loses one proposal where the process is killed, says so, and answers again', async () => {
    const lost = queue.ask(model, 'cpu', bytes);
    process.kill(queue.computePid ?? 0, 'SIGKILL');
    await expect(lost).rejects.toThrow(/proposal was lost.*mask is unchanged/);
    expect(states).toContain('crashed');
    expect(await queue.ask(model, 'cpu', bytes)).toHaveLength(side ** 3);
  });
});
