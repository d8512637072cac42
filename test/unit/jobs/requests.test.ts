import { describe, expect, it } from 'vitest';
import { deviceNames, HALF } from '#main/jobs/requests/fields.ts';
import { requests, type TaskKind } from '#main/jobs/requests/index.ts';
import { deviceNames as engineDevices, HALF as engineHalf } from '#main/engine/devices/openDevice.ts';
import { loadTask, registry } from '#main/jobs/registry.ts';
import { runHere } from '#main/jobs/run.ts';
import { jobKinds } from '#shared/domain/job.ts';
import { variantNames } from '#shared/domain/modelCard.ts';

const kinds = Object.keys(requests) as TaskKind[];
const caller = { cancellation: { aborted: false }, report: () => undefined, note: () => undefined };

describe('kinds of work', () => {
  it('name the devices as the engine does', () => {
    expect(deviceNames).toEqual(engineDevices);
    expect(HALF).toBe(engineHalf);
  });

  it('each have their task, which a job of that kind finds', async () => {
    for (const kind of kinds) expect([kind, (await loadTask(kind)).kind, (await registry[kind]?.())?.kind]).toEqual([kind, kind, kind]);
    expect(kinds).toEqual(expect.arrayContaining([...jobKinds]));
  });

  it('run in this process by their name', async () => {
    for (const variant of variantNames) {
      const counts = await runHere('modelInfo', { variant, classes: 3, size: [32, 32, 32], batch: 1 }, caller);
      expect([variant, counts.parameters > 1000 && counts.macs > 1e6]).toEqual([variant, true]);
    }
    await expect(runHere('modelInfo', { variant: 'huge', classes: 3, size: [32, 32, 32], batch: 1 }, caller)).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('refuse settings that are not theirs with one sentence', async () => {
    const wrong = { model: 7, images: [] } as never;
    await expect(runHere('predict', wrong, caller)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: 'The settings of this prediction are not valid.',
    });
  });
});
