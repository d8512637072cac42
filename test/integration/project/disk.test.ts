import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { filesBelow } from '#main/files/filesBelow.ts';
import { folderSize } from '#main/files/folderSize.ts';
import { addModel, addPrediction, listCases, openProject } from '#main/library/index.ts';
import { withSmallDisk } from '../../trust/smallDisk.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';

let app: TestStudio;
const project = (): string => join(app.folder, 'project');
beforeEach(async () => {
  app = startStudio();
  await writePairs(join(app.folder, 'incoming'), 2, 1);
  await app.client.projects.create({ path: project(), name: 'Abdomen', labels: testLabels });
  await app.client.library.import({ sources: [join(app.folder, 'incoming')] });
  await app.client.projects.close();
});
afterEach(() => app.close());

it('counts every file once, and cleans what is of no use, never what is', async () => {
  const library = openProject(project(), { author: 'test' });
  const caseId = listCases(library.read).cases[0]?.id ?? '';
  const modelId = addModel(library.write, {
    name: 'm',
    variant: 'small',
    card: { labelSet: { labels: [] } } as never,
    weightsHash: 'x',
    parameters: 1,
    trainingCases: 1,
    dice: null,
    jobId: null,
  });
  const predictions = join(library.paths.case(caseId), 'predictions');
  mkdirSync(predictions, { recursive: true });
  for (const name of ['old', 'new']) {
    for (const ending of ['mask', 'json']) writeFileSync(join(predictions, `${name}.${ending}`), name);
    addPrediction(library.write, {
      caseId,
      modelId,
      path: library.paths.relative(join(predictions, `${name}.mask`)),
      uncertaintyPath: null,
      contentHash: '',
      weightsHash: '',
      uncertainty: 0,
      labels: [],
    });
  }
  for (const path of [
    'damaged/x/library.sqlite',
    'learned/cases/a.case',
    'jobs/unknown/out/x',
    'images/nobody/image.nii',
    `cases/${caseId}/revisions/nobody.mask`,
  ]) {
    mkdirSync(join(project(), path, '..'), { recursive: true });
    writeFileSync(join(project(), path), 'x'.repeat(1000));
  }
  library.close();
  const { client } = app;
  await client.projects.open({ path: project() });
  const usage = await client.disk.usage();
  const all = await folderSize(project());
  expect(usage.kinds.reduce((sum, { files }) => sum + files, 0)).toBe(all.files);
  expect(Object.fromEntries(usage.cleanable.map(({ kind, files }) => [kind, files]))).toEqual({
    predictions: 2,
    prepared: 1,
    jobs: 1,
    damaged: 1,
    leftovers: 2,
  });
  const before = (await filesBelow(project())).length;
  expect(await client.disk.clean({ kinds: ['predictions', 'prepared', 'jobs', 'damaged', 'leftovers'] })).toMatchObject({ files: 7 });
  expect((await filesBelow(project())).length).toBe(before - 7);
  expect(['old', 'new'].map((name) => existsSync(join(predictions, `${name}.mask`)))).toEqual([false, true]);
  expect((await client.predictions.get({ caseId }))?.modelId).toBe(modelId);
  const { code } = await client.images.open({ caseId }).then(() => ({ code: 'fine' }));
  expect(code).toBe('fine');
});

it('warns before an import, a training and an export would fill the disk', async () => {
  const { client } = app;
  const done = await withSmallDisk(join(app.folder, 'small'), async () => {
    const path = join(app.folder, 'small', 'project');
    await client.projects.create({ path, name: 'Small', labels: testLabels });
    expect((await client.library.planImport({ sources: [join(app.folder, 'incoming')] })).space).toMatch(
      /^This import needs about .* left\./,
    );
    expect((await client.jobs.plan({ budget: { kind: 'quick' } })).remarks[0]).toMatch(/^This training needs about/);
    await client.projects.open({ path: project() });
    expect((await client.library.planImport({ sources: [join(app.folder, 'incoming')] })).space).toBeNull();
    expect((await client.disk.exportWarning({ format: 'nifti', destination: join(app.folder, 'small', 'out') })).warning).toMatch(
      /^This export needs/,
    );
    expect((await client.disk.exportWarning({ format: 'nifti', destination: join(app.folder, 'out') })).warning).toBeNull();
    return true;
  });
  if (done === null) console.warn('no small disk here: the warnings were not tried');
});
