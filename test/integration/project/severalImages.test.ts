import { existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { filesBelow } from '#main/files/filesBelow.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { logonet } from '#test/support/commandLine.ts';
import { rampVolume, startStudio, type TestStudio } from '#test/support/studio.ts';

const size: Triple = [12, 10, 8];
let app: TestStudio;
const project = (): string => join(app.folder, 'project');
const set = (): string => join(app.folder, 'set');
/** Two cases of two images each; the FLAIR of both is one and the same. */
beforeEach(async () => {
  app = startStudio(mkdtempSync(join(tmpdir(), 'logonet-several-')));
  mkdirSync(join(set(), 'imagesTr'), { recursive: true });
  for (const [n, name] of ['a', 'b'].entries()) {
    await writeVolume(join(set(), 'imagesTr', `${name}_0000.nii.gz`), rampVolume(size, n));
    await writeVolume(join(set(), 'imagesTr', `${name}_0001.nii.gz`), rampVolume(size, 77));
  }
  writeFileSync(
    join(set(), 'dataset.json'),
    JSON.stringify({ channel_names: { 0: 'T1', 1: 'FLAIR' }, labels: { background: 0, lesion: 1 } }),
  );
  vi.stubEnv('LOGONET_DATA', join(app.folder, 'data'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await app.close();
});
const imageFiles = (): Promise<string[]> => filesBelow(join(project(), 'images'));
const run = async (...args: string[]): Promise<{ readonly code: number | null; readonly said: string }> => {
  const { code, stdout, stderr } = await logonet(args);
  return { code, said: stdout + stderr };
};

describe('cases of two images', () => {
  it('count once on the disk, and go with both images but for the one that another case has, too', async () => {
    await app.client.projects.create({ path: project(), name: 'Several', labels: [] });
    await app.client.library.import({ sources: [set()] });
    const [a = '', b = ''] = (await app.client.library.list({ sort: 'name' })).cases.map(({ id }) => id);
    expect(await imageFiles()).toHaveLength(3);
    const takes = async (): Promise<number> => (await app.client.disk.usage()).kinds.find(({ kind }) => kind === 'images')?.files ?? 0;
    expect(await takes()).toBe(3);
    const before = await app.client.images.open({ caseId: b });
    expect(before.images.map(({ name }) => name)).toEqual(['T1', 'FLAIR']);
    expect((await app.client.library.planRemoval({ caseIds: [a] })).copies.files).toBe(2);
    await app.client.library.remove({ caseIds: [a] });
    expect([(await imageFiles()).length, await takes()]).toEqual([2, 2]);
    await app.client.images.close({ caseId: b });
    const flair = await app.client.images.open({ caseId: b, imageId: before.images[1]?.imageId ?? '' });
    expect(flair.byteLength).toBe(12 * 10 * 8 * 2);
    await app.client.library.remove({ caseIds: [b] });
    expect(await imageFiles()).toEqual([]);
  });

  it('are relinked, packed, unpacked and verified by commands, with both', { timeout: 600_000 }, async () => {
    expect((await run('project', 'create', project(), '--name', 'Several', '--label', 'lesion')).code).toBe(0);
    expect((await run('project', 'import', project(), set(), '--reference')).code).toBe(0);
    const moved = join(app.folder, 'moved');
    renameSync(set(), moved);
    const gone = await run('project', 'verify', project());
    expect([gone.code, gone.said.match(/not there/g)?.length]).toEqual([1, 4]);
    expect(await run('project', 'relink', project(), set(), moved)).toMatchObject({
      code: 0,
      said: expect.stringContaining('4 images are read') as string,
    });
    const packed = join(app.folder, 'packed.logonet');
    expect((await run('project', 'pack', project(), '--out', packed)).code).toBe(0);
    const unpacked = join(app.folder, 'unpacked');
    expect((await run('project', 'unpack', packed, '--out', unpacked)).code).toBe(0);
    expect(await run('project', 'verify', unpacked)).toMatchObject({
      code: 0,
      said: expect.stringContaining('All 4 items are in order.') as string,
    });
    // The second image of a case is looked at like the first.
    const [, copy = ''] = await filesBelow(join(unpacked, 'images'));
    expect(existsSync(copy)).toBe(true);
    await writeVolume(copy, rampVolume(size, 3));
    expect((await run('project', 'verify', unpacked)).code).toBe(1);
  });
});
