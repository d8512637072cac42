import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { writePairs } from '../support/studio.ts';
import { dayPhantom } from './days/phantom.ts';
import { deskForTests } from './driver.ts';

/** What one does who has never seen the window: presses twice, clicks beside, calls two things alike, looks elsewhere meanwhile. */
describe.skipIf(installedBrowser() === null)('a newcomer', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-newcomer-'));
    mkdirSync(join(folder, 'incoming'));
    for (const [index, name] of ['one', 'two'].entries())
      await writeVolume(join(folder, 'incoming', `${name}.nii.gz`), dayPhantom([64, 60, 40], [4, 4, 5], 300 + index, 3).image);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  it('keeps what was typed when the click falls beside the dialog, and makes one project of two clicks', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.button(/^New project/).click();
    const dialog = page.getByRole('dialog', { name: 'New project' });
    await page.mouse.click(80, 400);
    await dialog.waitFor({ state: 'detached' }); // Nothing was typed yet.
    await desk.button(/^New project/).click();
    await dialog.getByRole('textbox', { name: 'Name' }).fill('A very long name '.repeat(15).trim());
    await dialog.getByRole('textbox', { name: /^Folder/ }).fill(join(folder, 'project'));
    const labels = dialog.getByRole('textbox', { name: 'Labels, one a line' });
    await labels.fill('Liver\nSpleen\nliver');
    await page.mouse.click(80, 400);
    await dialog.getByRole('button', { name: 'Create project' }).click();
    await desk.told(/^There is a label “liver” already/);
    expect([await labels.inputValue(), existsSync(join(folder, 'project'))]).toEqual(['Liver\nSpleen\nliver', false]);
    await labels.fill('Liver, with all metastases of the primary tumour in the pancreas\nSpleen\nAorta\nCyst');
    const before = (await desk.said()).length;
    await dialog.getByRole('button', { name: 'Create project' }).dblclick();
    await page.getByRole('heading', { name: 'No cases yet' }).waitFor();
    await desk.quiet();
    expect((await desk.said()).slice(before)).toEqual([]);
    for (const name of ['Commands', 'Keys']) {
      const box = await page.getByRole('button', { name: new RegExp(`^${name}`) }).boundingBox();
      expect((box?.x ?? Infinity) + (box?.width ?? 0)).toBeLessThanOrEqual(1280);
    }
  });

  it('excludes a case with two clicks', async () => {
    const { desk } = tests;
    await desk.bring(join(folder, 'incoming'));
    await desk.caseRow('two').click();
    await desk.button('Exclude').dblclick();
    await desk.caseRow('two').getByText('Excluded').waitFor();
    await desk.quiet();
    expect(await desk.caseRow('two').textContent()).toContain('Excluded');
  });

  it('sees the labels whatever else the panel shows, and the one that is drawn with', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const { client, socket } = await desk.client();
    await client.projects.removeLabel({ value: 4 });
    const { labels } = await client.projects.addLabel();
    const more = Array.from({ length: 30 }, (_, n) => ({ value: n + 10, name: `Structure ${String(n)}`, color: '#56b4e9', locked: false }));
    await client.projects.setLabels({ labels: [...labels, ...more] });
    socket.close();
    await desk.openCase('one');
    await page.keyboard.press('m');
    await desk.drag('axial', [
      [0.3, 0.3],
      [0.5, 0.5],
    ]);
    await page.keyboard.press('a');
    await page.mouse.click(...(await desk.at('axial', 0.5, 0.5)));
    await page.getByRole('checkbox', { name: 'Proposal' }).waitFor();
    const panel = page.getByRole('region', { name: 'Labels', exact: true });
    const seen = (name: string): Promise<boolean> =>
      panel.getByRole('button', { name: new RegExp(`^${name}`) }).evaluate((button) => {
        const [box, list] = [button.getBoundingClientRect(), button.closest('ul')?.getBoundingClientRect()];
        return list !== undefined && box.top >= list.top - 1 && box.bottom <= list.bottom + 1 && list.height > 60;
      });
    expect(await seen('Liver')).toBe(true);
    const inside = await panel.getByRole('combobox', { name: /lies inside$/ }).boundingBox();
    expect((inside?.x ?? Infinity) + (inside?.width ?? 0)).toBeLessThanOrEqual(1280);
    await page.keyboard.press(',');
    await expect.poll(() => seen('Structure 29')).toBe(true);
    await panel.getByRole('searchbox').fill('structure 17');
    await page.keyboard.press('Enter');
    await panel.getByRole('button', { name: /^Structure 17/, pressed: true }).waitFor();
    await expect.poll(() => seen('Structure 17')).toBe(true);
    await page.keyboard.press('b');
    await desk.toolIs('Brush');
  });

  it('goes to the end of a long list, and looks for another case', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await writePairs(join(folder, 'more'), 40, 0);
    await desk.bring(join(folder, 'more'));
    await desk.go('cases');
    await page.getByRole('combobox', { name: 'Sort' }).selectOption('Name');
    const list = page.getByRole('listbox', { name: 'Cases' });
    for (let n = 0; n < 5; n++) await list.press('PageDown');
    await desk.caseRow('two').waitFor();
    await page.getByRole('searchbox').fill('case7');
    await expect.poll(() => desk.caseRow(/./).count()).toBe(1);
    expect(await desk.findings()).toEqual([]);
    await page.getByRole('searchbox').fill('');
    await desk.caseRow('case0').waitFor();
    expect(await desk.findings()).toEqual([]);
  });

  it('leaves the palette with one key', async () => {
    const { page } = tests.desk;
    await page.keyboard.press('Control+k');
    await page.locator('dialog input:focus').waitFor();
    await page.keyboard.type('nothing like this');
    await page.getByText('No command matches.').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
  });

  it('finds Export as it was left, with what came of it', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const destination = page.getByPlaceholder('Folder');
    await desk.go('export');
    await page.getByRole('radio', { name: 'The open case' }).click();
    await page.getByRole('radio', { name: /^NRRD/ }).click();
    await destination.fill(join(folder, 'out'));
    await desk.button('Export').dblclick();
    await desk.told(/^1 of 1 files written and verified\.$/);
    await desk.go('cases');
    await desk.go('export');
    await page.getByRole('radio', { name: /^NRRD/, checked: true }).waitFor();
    await page.getByText('✓ verified').waitFor();
    expect(await destination.inputValue()).toBe(join(folder, 'out'));
    await desk.button('Export').click();
    await desk.told(/^There is already a file .* Choose another folder, or say that files that are there are replaced\.$/);
  });

  it('has seen no fault of the window', async () => {
    expect([tests.desk.errors, await tests.desk.failures()]).toEqual([[], []]);
  });
});
