import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Job } from '#shared/domain/job.ts';
import { startPointing } from '#main/project/pointing/improvePointing.ts';
import { readPointing } from '#main/project/pointing/versions.ts';
import { acceptedProject, workbenchOf } from '../../support/acceptedProject.ts';
import { writePromptNetwork } from '../../support/promptNetwork.ts';

const root = mkdtempSync(join(tmpdir(), 'pointing-killed-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true, maxRetries: 20 });
});

it(
  'a compute process that is killed while pointing learns, and while it is measured: the job goes on by itself, to the same network',
  { timeout: 900_000 },
  async () => {
    let heard: (job: Job) => void = () => undefined;
    const bench = workbenchOf(root, (job) => heard(job));
    const own = join(root, 'app', 'prompts');
    mkdirSync(own, { recursive: true });
    await writePromptNetwork(own);
    const { project, queue, adopted } = await bench.open(await acceptedProject(root));
    const learn = (): Promise<string> =>
      startPointing({ ...bench.require(), project, queue }, { budget: { steps: 4 }, device: 'cpu', threads: 1, seed: 3 });
    const whole = await learn();
    expect(await queue.wait(whole)).toMatchObject({ state: 'done', attempt: 1 });

    const killed = await learn();
    const kills: string[] = [];
    heard = ({ id, state, fraction, phase, attempt }) => {
      if (id !== killed || state !== 'running' || attempt !== kills.length + 1) return;
      const isMeasuring = phase === 'Counting clicks on held-out cases';
      if (attempt === 1 ? isMeasuring || fraction === 0 : !isMeasuring || attempt > 2) return;
      kills.push(phase);
      process.kill(queue.computePid ?? 0, 'SIGKILL');
    };
    expect(await queue.wait(killed)).toMatchObject({ state: 'done', attempt: 3 });
    expect(kills).toEqual([expect.not.stringContaining('Counting'), 'Counting clicks on held-out cases']);
    expect(await queue.result(killed)).toEqual(await queue.result(whole));
    await Promise.all([whole, killed].map((id) => adopted(id)));
    const { versions } = readPointing(project);
    expect(versions.map(({ jobId, weightsHash }) => [jobId, weightsHash])).toEqual([
      [whole, versions[0]?.weightsHash],
      [killed, versions[0]?.weightsHash],
    ]);
    await bench.close();
  },
);
