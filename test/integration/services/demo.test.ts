import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { appFolders } from '#main/project/appFolders.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '../../support/studio.ts';

let studio: TestStudio | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await studio?.close();
});

it('a cancelled demo project ends its thread once, however long that takes', async () => {
  const end = Object.getOwnPropertyDescriptor(Worker.prototype, 'terminate')?.value as Worker['terminate'];
  const asked = vi.spyOn(Worker.prototype, 'terminate').mockImplementation(async function slowly(this: Worker) {
    await new Promise((done) => {
      setTimeout(done, 700);
    });
    return end.call(this);
  });
  studio = startStudio();
  const controller = new AbortController();
  const answer = studio.client.projects.demo({}, { signal: controller.signal });
  // At once: the thread needs a second for its phantoms, and has not even begun.
  controller.abort();
  await expect(answer).rejects.toMatchObject({ code: 'cancelled' });
  // The answer came when the thread had ended.
  expect(asked).toHaveBeenCalledTimes(1);
  expect(asked.mock.settledResults[0]?.type).toBe('fulfilled');
});

it('a demo project that is given up half made is not left open', { timeout: 300_000 }, async () => {
  studio = startStudio();
  const controller = new AbortController();
  const opened: (string | undefined)[] = [];
  studio.client.on('projects.changed', ({ project }) => {
    opened.push(project?.name);
    if (project !== null) controller.abort();
  });
  await expect(studio.client.projects.demo({}, { signal: controller.signal })).rejects.toMatchObject({ code: 'cancelled' });
  expect([opened.at(0), opened.at(-1), (await studio.client.projects.current()).project]).toEqual([
    'Demo: abdominal phantoms',
    undefined,
    null,
  ]);
});

it('the demo project holds ten cases, three of them with their truth, and a prediction', { timeout: 300_000 }, async () => {
  studio = startStudio();
  const { counts } = await studio.client.projects.demo();
  expect(counts).toMatchObject({ accepted: 3, predicted: expect.toSatisfy((predicted: number) => predicted >= 1) as number });
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(10);
});

it('a demo project with cases of the person’s own is opened, not made again', async () => {
  studio = startStudio();
  const { client, folder } = studio;
  await writePairs(join(folder, 'incoming'), 11, 0, [4, 4, 4]); // one more than the demo has
  await client.projects.create({
    path: appFolders(process.platform, { LOGONET_DATA: join(folder, 'data') }).demo,
    name: 'Mine',
    labels: testLabels,
  });
  await client.library.import({ sources: [join(folder, 'incoming')] });
  expect(await client.projects.demo()).toMatchObject({ name: 'Mine', counts: { unlabelled: 11 } });
});
