import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { Activities } from '../../../src-renderer/stores/activities.svelte.ts';
import { Incoming } from '../../../src-renderer/stores/incoming.svelte.ts';
import { rampVolume, startStudio, type TestStudio } from '#test/support/studio.ts';

let app: TestStudio;
beforeEach(async () => {
  app = startStudio();
  mkdirSync(join(app.folder, 'set', 'imagesTr'), { recursive: true });
  const { grid, data } = rampVolume([12, 10, 8]);
  const affine = grid.affine.map((value, n) => (n === 3 ? value + 4 : value)) as unknown as typeof grid.affine;
  await writeVolume(join(app.folder, 'set', 'imagesTr', 'a_0000.nii.gz'), { grid, data });
  await writeVolume(join(app.folder, 'set', 'imagesTr', 'a_0001.nii.gz'), { grid: { ...grid, affine }, data });
  writeFileSync(
    join(app.folder, 'set', 'dataset.json'),
    JSON.stringify({ channel_names: { 0: 'T1', 1: 'PET' }, labels: { background: 0 } }),
  );
  await app.client.projects.create({ path: join(app.folder, 'project'), name: 'Incoming', labels: [] });
});
afterEach(() => app.close());

it('an import is planned with all that was said of it, also what was said while it was being planned', async () => {
  const incoming = new Incoming(app.client, new Activities(() => undefined), () => Promise.resolve());
  await incoming.plan([join(app.folder, 'set')]);
  expect(incoming.planned?.plan.cases[0]?.images).toHaveLength(1);
  await Promise.all([incoming.planJoined({ sameCoordinates: true }), incoming.planJoined({ volume: 'channels' })]);
  expect(incoming.planned?.joining).toEqual({ volume: 'channels', sameCoordinates: true, studies: false, numbered: null });
  expect(incoming.planned?.plan.cases[0]?.images).toHaveLength(2);
});
