import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { gridOf } from '../support/studio.ts';
import { deskForTests } from './driver.ts';

const size: Triple = [48, 44, 20];

describe.skipIf(installedBrowser() === null)('labels inside labels in the window', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-inside-'));
    mkdirSync(join(folder, 'in'));
    const data = Int16Array.from({ length: size[0] * size[1] * size[2] }, (_, at) => (at % 48 > 10 && at % 48 < 40 ? 700 : 100));
    await writeVolume(join(folder, 'in', 'case.nii.gz'), { grid: gridOf(size), data });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  const list = () => tests.desk.page.getByRole('region', { name: 'Labels' });
  const volume = async (name: string): Promise<string> =>
    (await list()
      .getByRole('button', { name: new RegExp(`: go to ${name}$`) })
      .textContent()) ?? '';
  const path = [
    [0.45, 0.45],
    [0.55, 0.55],
  ] as const;

  it('one is put inside another, and painting and erasing it leave the other whole', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.button(/^New project/).click();
    const create = page.getByRole('dialog', { name: 'New project' });
    await create.getByRole('textbox', { name: 'Name' }).fill('Inside');
    await create.getByRole('textbox', { name: /^Folder/ }).fill(join(folder, 'project'));
    await create.getByRole('textbox', { name: 'Labels, one a line' }).fill('liver\ntumour');
    await create.getByRole('button', { name: 'Create project' }).click();
    await page.getByRole('heading', { name: 'No cases yet' }).waitFor();
    const { client, socket } = await desk.client();
    await client.library.import({ sources: [join(folder, 'in')] });
    socket.close();
    await desk.openCase('case');
    await page.keyboard.press('b');
    await page.keyboard.press('2');
    await desk.drag('axial', path);
    await desk.saved();
    await expect.poll(() => volume('tumour')).toMatch(/ml$/);
    const whole = await volume('tumour');
    expect(await volume('liver')).toBe('–');
    await list().getByRole('combobox', { name: 'tumour lies inside' }).selectOption('liver');
    await expect.poll(() => volume('liver')).toBe(whole);
    expect(await desk.findings()).toEqual([]);
    // The outer one leaves the inner one.
    await page.keyboard.press('1');
    await desk.drag('axial', path);
    await desk.saved();
    await expect.poll(() => volume('tumour')).toBe(whole);
    expect(await volume('liver')).toBe(whole);
    // What is erased of the inner one is the outer one's.
    await page.keyboard.press('2');
    await page.keyboard.press('e');
    await desk.drag('axial', path);
    await desk.saved();
    await expect.poll(() => volume('tumour')).toBe('–');
    await expect.poll(() => volume('liver')).toBe(whole);
    await page.keyboard.press('Control+z');
    await expect.poll(() => volume('tumour')).toBe(whole);
    await list().getByRole('combobox', { name: 'tumour lies inside' }).selectOption('no other');
    await expect.poll(() => volume('liver')).toBe('–');
    expect(desk.errors).toEqual([]);
  });
});
