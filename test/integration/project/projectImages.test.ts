import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { logonet } from '#test/support/commandLine.ts';
import { rampVolume, startStudio, type TestStudio } from '#test/support/studio.ts';

const size: Triple = [12, 10, 8];
let app: TestStudio;
const project = (): string => join(app.folder, 'project');
/** Cases a and b have T1 and FLAIR, c has T1 alone; each has a mask. */
beforeEach(async () => {
  app = startStudio(mkdtempSync(join(tmpdir(), 'logonet-names-')));
  for (const part of ['imagesTr', 'labelsTr']) mkdirSync(join(app.folder, 'set', part), { recursive: true });
  for (const [n, name] of ['a', 'b', 'c'].entries()) {
    const image = rampVolume(size, n);
    await writeVolume(join(app.folder, 'set', 'imagesTr', `${name}_0000.nii.gz`), image);
    if (name !== 'c') await writeVolume(join(app.folder, 'set', 'imagesTr', `${name}_0001.nii.gz`), rampVolume(size, 10 + n));
    await writeVolume(join(app.folder, 'set', 'labelsTr', `${name}.nii.gz`), {
      grid: image.grid,
      data: new Uint8Array(image.data.length).fill(1, 200, 300),
    });
  }
  writeFileSync(
    join(app.folder, 'set', 'dataset.json'),
    JSON.stringify({ channel_names: { 0: 'T1', 1: 'FLAIR' }, labels: { background: 0, lesion: 1 } }),
  );
  await app.client.projects.create({ path: project(), name: 'Images', labels: [] });
  await app.client.library.import({ sources: [join(app.folder, 'set')] });
});
afterEach(() => app.close());

describe('the images of a project’s cases', () => {
  it('are planned by name: which the network takes, and who lacks one', async () => {
    const images = async (chosen: Partial<Parameters<typeof app.client.jobs.plan>[0]> = {}) =>
      (await app.client.jobs.plan({ budget: { kind: 'quick' }, ...chosen })).images;
    expect(await images()).toEqual([
      { name: 'T1', cases: 3, lacking: [], isTaken: true },
      { name: 'FLAIR', cases: 2, lacking: ['c'], isTaken: false },
    ]);
    expect((await images({ channels: ['flair'] })).map(({ isTaken }) => isTaken)).toEqual([false, true]);
    expect(await images({ channels: ['T1', 'T2'] })).toContainEqual({ name: 'T2', cases: 0, lacking: ['a', 'b', 'c'], isTaken: true });
    const { remarks } = await app.client.jobs.plan({ budget: { kind: 'quick' }, channels: ['T1', 'FLAIR'], missingChannels: 'zeros' });
    expect(remarks).toContain('“FLAIR” is missing in 1 of 3 accepted cases: it is 0 there.');
  });

  it('get another name in all cases as one step', async () => {
    const names = async () => (await app.client.images.names()).images.map(({ name, cases }) => [name, cases]);
    expect(await app.client.images.rename({ from: 'flair', to: 'T2-FLAIR' })).toEqual({ images: 2, warning: null });
    expect(await names()).toEqual([
      ['T1', 3],
      ['T2-FLAIR', 2],
    ]);
    await expect(app.client.images.rename({ from: 'T1', to: 't2 flair' })).rejects.toThrow(/“a” would have two images called/);
    await expect(app.client.images.rename({ from: 'PET', to: 'FDG' })).rejects.toThrow(/No case has an image “PET”/);
    expect((await app.client.history.undo()).name).toBe('Image “flair” renamed to “T2-FLAIR”');
    expect(await names()).toEqual([
      ['T1', 3],
      ['FLAIR', 2],
    ]);
    await app.client.history.redo();
    expect((await names())[1]).toEqual(['T2-FLAIR', 2]);
  });

  it('are listed and renamed from the command line', { timeout: 300_000 }, async () => {
    await app.client.projects.close();
    vi.stubEnv('LOGONET_DATA', join(app.folder, 'data'));
    const { code, stdout } = await logonet(['project', 'images', project(), '--rename', 'FLAIR=T2']);
    vi.unstubAllEnvs();
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/).filter((part) => part !== '')),
    ).toEqual([
      ['cases', 'missing', 'in'],
      ['T1', '3'],
      ['T2', '2', 'c'],
    ]);
  });
});
