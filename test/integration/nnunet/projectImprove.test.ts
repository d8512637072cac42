import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { everyCase, getLabelSet, listModels, promotedModel, promoteModel } from '#main/library/index.ts';
import { importModel } from '#main/project/importModel.ts';
import { planImprovement, startImprovement } from '#main/project/improvement.ts';
import { submitPrediction } from '#main/project/predictions.ts';
import { workbenchOf } from '#test/support/acceptedProject.ts';
import { writeTwoChannels } from '#test/support/channels.ts';
import { writeTinyFolder } from '#test/support/nnunetFolder.ts';

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'project-imported-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  await writeTwoChannels(join(root, 'set'), 5, [], [16, 24, 16]);
  await writeTinyFolder(join(root, 'nnunet'), { kind: 'regions' });
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

it('an imported model is improved in a project, promoted, predicts, and is improved again', { timeout: 600_000 }, async () => {
  const bench = workbenchOf(root);
  const labels = labelSetFrom([
    { name: 'cyst', value: 1 },
    { name: 'oedema', value: 2 },
  ]);
  const session = await bench.create(join(root, 'study'), 'Study', labels);
  const { project, queue } = session;
  await importCases(project, [join(root, 'set')], { mode: 'copy', cancellation: neverCancelled, report: ignoreProgress });
  // Its regions are called “10” and “2”: they join the project's labels, and no case has them.
  const imported = await importModel(project, join(root, 'nnunet'));
  expect(promotedModel(project.read)?.id).toBe(imported);
  expect(getLabelSet(project.read).labels.map(({ name }) => name)).toEqual(['cyst', 'oedema', '10', '2']);

  const options = { minutes: 10, device: 'cpu', memoryBytes: 0, threads: 1, seed: 5, steps: { pretrain: 0, train: 3 } };
  const improve = async (): Promise<string> => {
    const plan = await planImprovement(project, options);
    expect(plan).toMatchObject({ obstacles: [], startsFrom: promotedModel(project.read)?.name });
    expect(plan.remarks).toEqual(expect.arrayContaining(['The network takes of each case: T1, FLAIR.']));
    const id = await startImprovement(session, options);
    const job = await queue.wait(id);
    expect(job.error).toBeNull();
    await session.adopted(id);
    const made = listModels(project.read).find(({ jobId }) => jobId === id);
    promoteModel(project.write, made?.id ?? '');
    return made?.id ?? '';
  };
  const card = (id: string): unknown => JSON.parse(readFileSync(join(root, 'study', 'models', id, 'model.json'), 'utf8'));
  const first = await improve();
  expect(card(first)).toMatchObject({
    format: 2,
    pipeline: { output: { kind: 'regions', values: [3, 4, 1, 2], members: [[3, 4], [4], [1], [2]] } },
    source: { licence: 'CC0' },
    history: [{ steps: 3 }],
  });
  const second = await improve();
  expect(card(second)).toMatchObject({ parent: listModels(project.read).find(({ id }) => id === first)?.weightsHash, history: [{}, {}] });

  const ids = everyCase(project.read).map(({ id }) => id);
  const { id } = await submitPrediction(session, 'cpu', ids, undefined, 'background');
  expect((await queue.wait(id)).state).toBe('done');
  await session.adopted(id);
  expect(everyCase(project.read).every(({ hasPrediction }) => hasPrediction)).toBe(true);
  await bench.close();
});
