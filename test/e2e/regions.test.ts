import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
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
    await desk.newProject({ name: 'Inside', folder: join(folder, 'project'), labels: ['liver', 'tumour'] });
    await desk.bring(join(folder, 'in'));
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
    // All of the liver is tumour: by itself it has no voxel, and with all that lies inside it as many.
    for (const [extent, files] of [
      ['With all that lies inside it', ['case-1-liver.stl', 'case-2-tumour.stl']],
      ['Each label’s own voxels', ['case.stl']],
    ] as const) {
      await desk.go('export');
      await page.getByRole('radio', { name: /^STL/ }).click();
      await page.getByRole('radio', { name: 'The open case' }).click();
      await page.getByRole('checkbox', { name: /^Leave out names/ }).setChecked(false);
      await page.getByRole('radiogroup', { name: 'Extent of the labels' }).getByRole('radio', { name: extent }).click();
      const out = join(folder, `${files.length} surfaces`);
      await page.getByLabel('Destination').fill(out);
      if (files.length === 2) expect(await desk.findings()).toEqual([]);
      await desk.button('Export').click();
      await expect.poll(() => (existsSync(out) ? readdirSync(out).sort() : [])).toEqual(files);
      await desk.told(new RegExp(`${files.length} of ${files.length} files? written`));
    }
    await page
      .getByRole('radio', { name: /^NIfTI/ })
      .first()
      .click();
    await page.getByRole('radiogroup', { name: 'Extent of the labels' }).waitFor({ state: 'detached' });
    await desk.go('correct');
    await list().getByRole('combobox', { name: 'tumour lies inside' }).selectOption('no other');
    await expect.poll(() => volume('liver')).toBe('–');
    expect(desk.errors).toEqual([]);
  });
});
