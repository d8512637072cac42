import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { makeHandProject } from '../support/handProject.ts';
import { syntheticCase } from '../support/syntheticCase.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null)('pointing something out', () => {
  const tests = deskForTests();
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-prompts-'));
    const project = await makeHandProject(folder);
    const { desk } = tests;
    await desk.showProject(project);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  const bar = () => tests.desk.page.getByRole('group', { name: 'Pointed out' });
  const click = async (view: string, x: number, y: number, modifiers: readonly 'Control'[] = []): Promise<void> => {
    const { desk } = tests;
    const place = await desk.at(view, x, y);
    for (const key of modifiers) await desk.page.keyboard.down(key);
    await desk.page.mouse.click(place[0], place[1]);
    for (const key of modifiers) await desk.page.keyboard.up(key);
  };
  /** Voxels that are proposed, once every prompt is answered and no sharper answer comes any more. */
  const proposed = async (prompts: number): Promise<number> => {
    const status = bar().getByRole('status');
    let before: string | null = '';
    await expect
      .poll(
        async () => {
          const now = await status.textContent();
          const same = now === before;
          before = now;
          return same ? now : null;
        },
        { interval: 1500 },
      )
      .toMatch(new RegExp(`${String(prompts)}\\s+prompts?, [\\d,]+ voxels? proposed`));
    return Number((/, ([\d,]+) voxel/.exec(before) ?? [])[1]?.replaceAll(',', ''));
  };
  /** Voxels (80 mm³ each) of a label as the list shows them, once they are counted. */
  const listed = async (label: string): Promise<number> => {
    const text = await tests.desk.page.getByRole('button', { name: new RegExp(`go to ${label}$`) }).textContent();
    return (Number.parseFloat(text ?? '') || 0) / 0.08;
  };

  it('by mouse and keys: proposed, mended, taken back, dropped, and taken as one step that undo takes back', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('patient 02');
    await page.keyboard.press('Digit1');
    await page.keyboard.press('a');
    await desk.toolIs('Point');
    await click('axial', 0.36, 0.45); // in the liver, as it is predicted
    const first = await proposed(1);
    expect(first).toBe(syntheticCase([65, 60, 48], [4, 4, 5]).prediction.data.filter((value) => value === 1).length);
    await desk.screenshot('prompts-first');
    expect(await desk.history()).toEqual([]);

    await click('axial', 0.37, 0.46, ['Control']);
    const second = await proposed(2);
    expect(second).toBeLessThan(first);
    await page.keyboard.press('Backspace');
    expect(await proposed(1)).toBe(first);

    await desk.drag('axial', [
      [0.3, 0.4],
      [0.38, 0.48],
    ]);
    const scribbled = await proposed(2);
    expect(scribbled).toBeGreaterThanOrEqual(first);
    const layers = page.getByRole('region', { name: 'Layers' });
    await layers.getByRole('slider', { name: 'Opacity of Proposal' }).press('ArrowRight');
    await layers.getByRole('checkbox', { name: 'Proposal' }).click();
    await layers.getByRole('checkbox', { name: 'Proposal' }).click();
    await page.getByRole('application', { name: 'Axial view' }).focus();
    await page.keyboard.press('Escape');
    await bar().waitFor({ state: 'detached' });
    expect(await desk.history()).toEqual([]);

    await page.getByRole('region', { name: 'Tool settings' }).getByRole('radio', { name: 'Box' }).click();
    await desk.drag('axial', [
      [0.2, 0.25],
      [0.52, 0.65],
    ]);
    const boxed = await proposed(1);
    await desk.screenshot('prompts-box');
    await page.keyboard.press('Enter');
    await bar().waitFor({ state: 'detached' });
    await desk.historyIs(['Point: Liver']);
    await desk.told(new RegExp(`Pointed out: ${boxed.toLocaleString('en')} voxels changed`));
    await page.keyboard.press('Control+z');
    await desk.saved();
    await page.keyboard.press('Control+Shift+Z');
    await desk.saved();
    await page.reload();
    await desk.ready();
    await desk.openCase('patient 02');
    await desk.historyIs(['Point: Liver']);
    await expect.poll(async () => Math.abs((await listed('Liver')) - boxed) <= 0.01 * boxed).toBe(true);
  });

  it('outside the image nothing happens; a locked label is refused; the palette finds it; its buttons do what its keys do', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('patient 01');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search commands' }).fill('point');
    await page.getByRole('option', { name: /^Point/ }).waitFor();
    await page.keyboard.press('Enter');
    await desk.toolIs('Point');
    await click('axial', 0.02, 0.5);
    await desk.settled();
    expect(await bar().count()).toBe(0);
    await page.keyboard.press('Digit1');
    await click('axial', 0.36, 0.45, ['Control']); // mends the label that is there
    await proposed(1);
    await bar()
      .getByRole('button', { name: /^Prompt back/ })
      .click();
    await bar().waitFor({ state: 'detached' });
    await click('axial', 0.36, 0.45);
    await proposed(1);
    await bar().getByRole('button', { name: /^Drop/ }).click();
    await bar().waitFor({ state: 'detached' });
    await click('axial', 0.36, 0.45);
    await proposed(1);
    await bar().getByRole('button', { name: /^Take/ }).click();
    await bar().waitFor({ state: 'detached' });
    const list = page.getByRole('region', { name: 'Labels', exact: true });
    await list.getByRole('button', { name: 'Lock Liver' }).click();
    await list.getByRole('button', { name: 'Lock Liver', pressed: true }).waitFor();
    await click('axial', 0.36, 0.45);
    await desk.told(/“Liver” is locked/);
    expect(await desk.findings()).toEqual([]);
  });
});
