import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { voxelCount } from '#shared/geometry/grid.ts';
import { SegmentationDocument } from '#shared/segmentation/index.ts';
import { importModel } from '#main/project/importModel.ts';
import { openProject } from '#main/library/index.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';

let app: TestStudio;
let caseIds: readonly string[];
let modelId: string;

beforeEach(async () => {
  app = startStudio();
  const path = join(app.folder, 'project');
  await writePairs(join(app.folder, 'incoming'), 3, 0, [20, 18, 16]);
  await writeTinyModel(join(app.folder, 'model'));
  await app.client.projects.create({ path, name: 'Abdomen', labels: testLabels });
  caseIds = (await app.client.library.import({ sources: [join(app.folder, 'incoming')] })).added;
  await app.client.projects.close();
  const project = openProject(path, { author: 'test' });
  modelId = await importModel(project, join(app.folder, 'model'), { name: 'Tiny' });
  project.close();
  await app.client.projects.open({ path });
});
afterEach(() => app.close());

describe('predictions', () => {
  it('run in the compute process and become a layer of their own', async () => {
    const { client } = app;
    const caseId = caseIds[0] ?? '';
    expect(await client.predictions.get({ caseId })).toBeNull();
    const opened = await client.document.open({ caseId });
    const phases = new Set<string>();
    const prediction = await client.predictions.run(
      { caseId },
      {
        onProgress: ({ phase }) => {
          phases.add(phase);
        },
      },
    );
    expect(prediction).toMatchObject({ caseId, modelId, modelName: 'Tiny', hasUncertaintyMap: true });
    expect(phases).toContain('Predicting');
    expect(prediction.uncertainty).toBeGreaterThan(0);
    expect((await client.library.get({ caseId })).case).toMatchObject({
      status: 'predicted',
      hasPrediction: true,
      hasMask: false,
      uncertainty: prediction.uncertainty,
    });

    const labels = new Uint8Array(voxelCount(prediction.grid));
    const { byteLength } = await client.predictions.read(
      { caseId, layer: 'labels' },
      {
        onItem: ({ offset, bytes }) => {
          labels.set(bytes, offset);
        },
      },
    );
    expect(byteLength).toBe(labels.length);
    expect([...new Set(labels)].filter((value) => value > 0).sort()).toEqual([...prediction.labels]);
    await client.predictions.read({ caseId, layer: 'uncertainty' });
    // The mask that was open meanwhile is untouched.
    const mask = SegmentationDocument.restore((await client.document.open({ caseId })).mask, opened.history).volume.data;
    expect(mask.every((value) => value === 0)).toBe(true);
  });

  it('of many cases run in the background and arrive one by one', async () => {
    const { client } = app;
    const told: string[] = [];
    client.on('predictions.added', ({ caseId }) => {
      told.push(caseId);
    });
    const done = new Promise<void>((resolve) => {
      client.on('jobs.changed', ({ job }) => {
        if (job.state === 'done') resolve();
      });
    });
    const { jobId } = await client.predictions.runMany({ caseIds });
    await done;
    await app.client.projects.close(); // waits for the results to be taken over
    expect(told.toSorted()).toEqual(caseIds.toSorted());
    await client.projects.open({ path: join(app.folder, 'project') });
    expect((await client.jobs.get({ jobId })).job.state).toBe('done');
    expect((await client.library.list({ statuses: ['predicted'] })).total).toBe(3);
  });

  it('without a model say what to do', async () => {
    await app.client.projects.create({ path: join(app.folder, 'other'), name: 'x', labels: [] });
    await writePairs(join(app.folder, 'one'), 1, 0);
    const { added } = await app.client.library.import({ sources: [join(app.folder, 'one')] });
    await expect(app.client.predictions.run({ caseId: added[0] ?? '' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('Improve') as string,
    });
  });

  it('go on after the compute process is killed; the window is told', async () => {
    const { client } = app;
    const states: string[] = [];
    client.on('jobs.compute', ({ state }) => {
      states.push(state);
    });
    // Stands still from before the job comes, so that the job cannot be over first.
    for (const pid of computeProcesses()) process.kill(pid, 'SIGSTOP');
    const killed = new Promise<void>((resolve) => {
      const stop = client.on('jobs.changed', ({ job }) => {
        if (job.state !== 'running') return;
        stop();
        for (const pid of computeProcesses()) process.kill(pid, 'SIGKILL');
        resolve();
      });
    });
    const prediction = client.predictions.run({ caseId: caseIds[1] ?? '' });
    await killed;
    expect((await prediction).caseId).toBe(caseIds[1]);
    // A loaded machine may also report silence before or after.
    expect(states.filter((state) => state !== 'running')).toEqual(expect.arrayContaining(['crashed', 'restarted']));
  });
});

/** Compute processes that this test's process started. */
function computeProcesses(): number[] {
  return execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
      return match !== null && Number(match[2]) === process.pid && match[3]?.includes('jobs/main.ts') === true ? [Number(match[1])] : [];
    });
}
