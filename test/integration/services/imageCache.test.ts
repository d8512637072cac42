import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openProject } from '#main/library/index.ts';
import { ImageCache } from '#main/project/imageCache.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '../../support/studio.ts';

let app: TestStudio;
beforeEach(() => {
  app = startStudio();
});
afterEach(() => app.close());

it('decodes an image for those who still want it, whoever gives up', async () => {
  await app.client.projects.create({ path: join(app.folder, 'project'), name: 'Images', labels: testLabels });
  await writePairs(join(app.folder, 'incoming'), 1, 0);
  const [caseId = ''] = (await app.client.library.import({ sources: [join(app.folder, 'incoming')] })).added;
  await app.client.projects.close();
  const project = openProject(join(app.folder, 'project'), { author: 'test' });
  const images = new ImageCache(project);
  const [first, second] = [new AbortController(), new AbortController()];
  const asked = [images.get(caseId, first.signal).catch(() => null), images.get(caseId, second.signal)];
  first.abort();
  expect((await asked[1])?.volume.grid.size).toEqual([12, 10, 8]);
  images.release(caseId);
  const given = images.get(caseId, AbortSignal.abort()).catch((error: unknown) => error);
  expect((await images.get(caseId, new AbortController().signal)).volume.grid.size).toEqual([12, 10, 8]);
  await given;
  project.close();
});
