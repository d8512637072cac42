import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { programHere } from '#main/jobs/submit/target.ts';
import { quoted } from '#main/jobs/submit/quoted.ts';
import { everyCase, listModels, promoteModel } from '#main/library/index.ts';
import { planImprovement, startImprovement } from '#main/project/improvement.ts';
import { submitPrediction } from '#main/project/predictions.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { workbenchOf } from '#test/support/acceptedProject.ts';
import { twoChannelLabels, writeTwoChannels } from '#test/support/channels.ts';

const options = { minutes: 10, device: 'cpu', memoryBytes: 0, threads: 1, seed: 5, variant: 'tiny', steps: { pretrain: 0, train: 3 } };
const worker = [...programHere(), 'worker'].map(quoted).join(' ');
let root: string;
let study: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'project-channels-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  // Of six accepted cases the last has no FLAIR.
  await writeTwoChannels(join(root, 'set'), 6, [5], [16, 24, 16]);
  const bench = workbenchOf(root);
  study = join(root, 'study');
  const labelSet = labelSetFrom(Object.entries(twoChannelLabels).map(([name, value]) => ({ name, value })));
  const { project } = await bench.create(study, 'Study', labelSet);
  const work = { mode: 'copy', cancellation: neverCancelled, report: ignoreProgress } as const;
  expect(await importCases(project, [join(root, 'set')], work)).toMatchObject({ skipped: [] });
  await bench.close();
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** Improves a copy of the project, elsewhere where a target is given. */
async function improved(name: string, more: object) {
  const folder = join(root, name);
  cpSync(study, folder, { recursive: true });
  const bench = workbenchOf(root);
  const session = await bench.open(folder);
  const plan = await planImprovement(session.project, { ...options, ...more });
  const id = await startImprovement(session, { ...options, ...more });
  const job = await session.queue.wait(id);
  expect(job.error).toBeNull();
  await session.adopted(id);
  const modelId = listModels(session.project.read)[0]?.id ?? '';
  return { bench, session, plan, modelId, model: await loadModel(join(folder, 'models', modelId)) };
}

describe('a project whose cases have several images', { timeout: 900_000 }, () => {
  it('takes those that every accepted case has, and says what is not used', async () => {
    const { bench, plan, model } = await improved('common', {});
    await bench.close();
    expect(model.card.channels?.map(({ name }) => name)).toEqual(['T1']);
    expect(plan.remarks).toEqual(
      expect.arrayContaining(['The network takes of each case: T1.', '“FLAIR” is in 5 of 6 accepted cases alone, and is not used.']),
    );
  });

  it('takes those that are named, here or on another machine with the same weights, and predicts every case that has them', async () => {
    const named = { channels: ['T1', 'FLAIR'] };
    const here = await improved('here', named);
    expect(here.plan.remarks).toEqual(expect.arrayContaining(['“FLAIR” is missing in 1 of 6 accepted cases: they are left out.']));
    expect(here.model.card).toMatchObject({ architecture: { inChannels: 2 }, channels: [{ name: 'T1' }, { name: 'FLAIR' }] });
    const script = join(root, 'elsewhere');
    writeFileSync(script, `#!/bin/sh\nls "$1/input" > "${root}/packed"\nexec ${worker} "$1"\n`);
    chmodSync(script, 0o755);
    const there = await improved('there', { ...named, submit: { target: script } });
    await there.bench.close();
    expect(there.model.weightsHash).toBe(here.model.weightsHash);
    const packed = readFileSync(join(root, 'packed'), 'utf8').split('\n');
    expect(packed.filter((name) => name.endsWith('-image-1.nii'))).toHaveLength(5);

    const { project } = here.session;
    promoteModel(project.write, here.modelId);
    const ids = everyCase(project.read).map(({ id }) => id);
    const { id } = await submitPrediction(here.session, 'cpu', ids, undefined, 'background');
    expect((await here.session.queue.wait(id)).state).toBe('done');
    await here.session.adopted(id);
    const predicted = everyCase(project.read).filter(({ hasPrediction }) => hasPrediction);
    expect(predicted.map(({ name }) => name).sort()).toEqual([0, 1, 2, 3, 4].map((n) => `case_${String(n)}`));
    const lacking = everyCase(project.read).find(({ hasPrediction }) => !hasPrediction)?.id ?? '';
    await expect(submitPrediction(here.session, 'cpu', [lacking], undefined, 'interactive')).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('“FLAIR”'),
    });
    await here.bench.close();
  });

  it('keeps a case without one where it may be 0', async () => {
    const { bench, model, session } = await improved('zeros', { channels: ['T1', 'FLAIR'], missingChannels: 'zeros' });
    expect(model.card.channels?.[1]).toMatchObject({ name: 'FLAIR', optional: true });
    promoteModel(session.project.write, listModels(session.project.read)[0]?.id ?? '');
    const ids = everyCase(session.project.read).map(({ id }) => id);
    const { id } = await submitPrediction(session, 'cpu', ids, undefined, 'background');
    expect((await session.queue.wait(id)).state).toBe('done');
    await session.adopted(id);
    expect(everyCase(session.project.read).every(({ hasPrediction }) => hasPrediction)).toBe(true);
    await bench.close();
    expect(readdirSync(join(root, 'zeros', 'models'))).toHaveLength(1);
  });
});
