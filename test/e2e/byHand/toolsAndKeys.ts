import { expect, it } from 'vitest';
import { PATIENCE_MS } from '../../support/browser.ts';
import type { TestDesk } from '../driver.ts';
import { handOf } from './hand.ts';

/** Tools picked, applied and changed by mouse, by keys and by what was touched before. */
export function toolsAndKeys(tests: TestDesk): void {
  const { millilitres, tool } = handOf(tests);

  it('surfaces of a mirrored grid are lit, and the volume can be drawn', async () => {
    const { desk } = tests;
    await desk.openCase('mirrored');
    await desk.page.getByText(/^surfaces \d/).waitFor({ state: 'hidden' });
    await expect.poll(() => desk.brightest('3D view'), { timeout: 60_000 }).toBeGreaterThan(150);
    const before = await desk.picture('3D view');
    await desk.page.getByRole('checkbox', { name: 'Volume' }).check();
    await desk.settled();
    await expect.poll(() => desk.picture('3D view'), { timeout: 60_000 }).not.toBe(before);
    await desk.screenshot('hand-volume');
    await desk.page.getByRole('checkbox', { name: 'Volume' }).uncheck();
    expect(desk.errors).toEqual([]);
  });

  it('a tool is picked by mouse and applied by Enter', async () => {
    const { desk } = tests;
    await desk.openCase('patient 01');
    await expect.poll(() => millilitres('Liver')).toBeGreaterThan(0);
    await desk.page.keyboard.press('g');
    await desk.page.getByRole('spinbutton', { name: 'Distance' }).fill('8');
    await desk.page.keyboard.press('Enter'); // Ends the field, and the views have the keys.
    await tool('Smooth').click();
    await tool('Grow or shrink').click();
    await desk.page.keyboard.press('Enter');
    await desk.told(/Grow or shrink: Liver: [\d,]+ voxels changed/);
    await desk.historyIs(['Grow or shrink: Liver']);
    await desk.page.keyboard.press('Control+z');
    await desk.saved();
  });

  it('that another tool is at work is said for as long as it is', async () => {
    const { desk } = tests;
    const { page } = desk;
    // Two presses before the window draws again.
    await page.evaluate(() => {
      for (let n = 0; n < 2; n++)
        document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', bubbles: true }));
    });
    await desk.told(/^Another tool is still at work/);
    await desk.historyIs(['Grow or shrink: Liver']);
    await page.getByLabel('Messages').getByText('Another tool is still at work').waitFor({ state: 'detached', timeout: 10_000 });
    await page.keyboard.press('Control+z');
    await desk.saved();
  });

  it('the sheet of keys names the labels that there are, and no others', async () => {
    const { page } = tests.desk;
    await page.keyboard.press('Shift+?');
    const sheet = page.getByRole('dialog', { name: 'Keys and mouse' });
    const drawn = sheet.locator('dd').filter({ hasText: /^Draw with (?!the label)/ });
    await sheet.getByText('Draw with Liver', { exact: true }).waitFor();
    expect(await drawn.allTextContents()).toEqual(['Liver', 'Spleen', 'Right kidney', 'Left kidney'].map((name) => `Draw with ${name}`));
    await tests.desk.closeDialog();
  });

  it('keys work whatever was touched before, and belong to text fields alone', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.keyboard.press('t');
    await desk.toolIs('Threshold brush');
    const panel = page.getByRole('region', { name: 'Tool settings' });
    const touches: Record<string, () => Promise<void>> = {
      'a slider': () => panel.getByRole('slider', { name: 'Radius' }).fill('9'),
      'a number field': () => panel.getByRole('spinbutton', { name: 'From' }).click(),
      'a choice': () => panel.getByRole('radio', { name: '3D ball' }).click(),
      'a checkbox': () => page.getByRole('checkbox', { name: 'Correction' }).click(),
      'a menu': async () => {
        await page.getByRole('combobox', { name: 'Layout' }).selectOption('One large, three small');
      },
      'a menu that is only focused': () => page.getByRole('combobox', { name: 'Colours' }).focus(),
      'a button': () => page.getByRole('button', { name: 'Smooth' }).first().focus(),
      'the colour of a label': () => page.getByLabel('Colour of Liver').focus(),
      'the 3D view': () => page.getByRole('application', { name: '3D view' }).focus(),
    };
    const colours = await page.getByRole('combobox', { name: 'Colours' }).inputValue();
    for (const [what, touch] of Object.entries(touches)) {
      await page.keyboard.press('t');
      await touch();
      for (const [key, name] of [
        ['b', 'Brush'],
        ['e', 'Eraser'],
        ['m', 'Ruler'],
      ] as const) {
        await page.keyboard.press(key);
        await expect.poll(() => desk.tool(), { message: `${key} after ${what}` }).toBe(name);
        if (key === 'm') continue;
        // The panel has changed with the tool: what is no longer in it is not waited for.
        page.setDefaultTimeout(1000);
        await touch().catch(() => undefined);
        page.setDefaultTimeout(PATIENCE_MS);
      }
    }
    expect(await page.getByRole('combobox', { name: 'Colours' }).inputValue()).toBe(colours);
    await page.getByRole('combobox', { name: 'Layout' }).selectOption('Four views');
    if (!(await page.getByRole('checkbox', { name: 'Correction' }).isChecked())) await page.keyboard.press('v');
    // Text fields keep theirs.
    await page
      .getByRole('region', { name: 'Labels', exact: true })
      .getByRole('button', { name: /^Spleen/ })
      .dblclick();
    await page.keyboard.type('beta');
    expect([await page.getByRole('textbox', { name: 'Name of the label' }).inputValue(), await desk.tool()]).toEqual(['beta', 'Ruler']);
    await page.keyboard.press('Escape');
    await page
      .getByRole('region', { name: 'Labels', exact: true })
      .getByRole('button', { name: /^Spleen/ })
      .waitFor();
    expect(await page.getByRole('region', { name: 'Labels', exact: true }).getByRole('button', { name: /^beta/ }).count()).toBe(0);
    // In a dialog they do not reach the window.
    await page.keyboard.press('Shift+?');
    await desk.dialog();
    await page.keyboard.press('b');
    expect(await desk.tool()).toBe('Ruler');
    await desk.closeDialog();
    // Held keys go on.
    const before = await desk.slice('axial');
    await desk.page.getByRole('application', { name: 'Axial view' }).focus();
    await page.keyboard.down('ArrowUp');
    await page.keyboard.down('ArrowUp');
    await page.keyboard.down('ArrowUp');
    await page.keyboard.up('ArrowUp');
    expect(Math.abs((await desk.slice('axial')) - before)).toBe(3);
  });

  it('a label is not combined with itself', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.keyboard.press('Digit2');
    await tool('Boolean').click();
    const other = page.getByRole('combobox', { name: 'Label', exact: true });
    expect(await other.locator('option').allTextContents()).toEqual(['Liver', 'Right kidney', 'Left kidney']);
    const spleen = await millilitres('Spleen');
    await page.keyboard.press('Enter');
    await desk.told(/^Boolean: Spleen changed nothing\.$/); // The liver is elsewhere.
    expect(await millilitres('Spleen')).toBe(spleen);
  });

  it('a predicted case shows its prediction, and seeds of two of four labels grow', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('patient 02');
    await page.getByRole('checkbox', { name: 'Prediction', checked: true }).waitFor(); // There is nothing else to see yet.
    for (const [key, place] of [
      ['Digit1', 0.3],
      ['Digit2', 0.7],
    ] as const) {
      await page.keyboard.press(key);
      await page.keyboard.press('b');
      await desk.drag('axial', [
        [place, 0.45],
        [place + 0.04, 0.5],
      ]);
    }
    await tool('Grow from seeds').click();
    await page.keyboard.press('Enter');
    await desk.told(/Grow from seeds: Spleen: [\d,]+ voxels changed/);
    await expect.poll(() => millilitres('Liver'), { timeout: 60_000 }).toBeGreaterThan(100);
    await desk.saved();
  });
}
