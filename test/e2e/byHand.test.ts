import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser, PATIENCE_MS } from '../support/browser.ts';
import { makeHandProject } from '../support/handProject.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null)('by hand', () => {
  const tests = deskForTests();
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-hand-'));
    await makeHandProject(folder);
    const { desk } = tests;
    // Focused as soon as it is drawn, before any answer of the host: what comes then must not get between the letters.
    await desk.page.evaluate(async () => {
      const open = [...document.querySelectorAll<HTMLButtonElement>('main button')].find(({ textContent }) =>
        textContent.includes('Open a project'),
      );
      open?.click();
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      document.querySelector<HTMLInputElement>('[aria-label="Folder path"]')?.focus();
    });
    await desk.page
      .getByRole('dialog', { name: 'Open a project' })
      .getByRole('list', { name: /^Contents of \// })
      .waitFor();
    await desk.page.keyboard.type(join(folder, 'project'));
    await desk.page.keyboard.press('Enter');
    await desk.page.getByRole('list', { name: `Contents of ${join(folder, 'project')}`, exact: true }).waitFor();
    await desk.page.getByRole('dialog').getByRole('button', { name: 'Choose', exact: true }).click();
    await desk.caseRow(/./).nth(2).waitFor();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  /** Millilitres of a label as the list shows them, once they are counted. */
  async function millilitres(label: string): Promise<number> {
    const text = await tests.desk.page.getByRole('button', { name: new RegExp(`go to ${label}$`) }).textContent();
    return Number.parseFloat(text ?? '') || 0;
  }
  const tool = (name: string) => tests.desk.page.getByRole('toolbar', { name: 'Tools' }).getByRole('button', { name, exact: true });
  const toolIs = (name: string): Promise<void> => tests.desk.toolIs(name);

  it('a filter without hits, then another: the list is alive', async () => {
    const { desk } = tests;
    const filter = (name: RegExp) => desk.page.getByRole('radiogroup', { name: 'Status' }).getByRole('radio', { name });
    await desk.page.getByRole('combobox', { name: 'Sort' }).selectOption('Name');
    await filter(/^Excluded/).click();
    await desk.page.getByRole('heading', { name: 'No case matches' }).waitFor();
    await filter(/^All/).click();
    await expect.poll(() => desk.caseRow(/./).count()).toBe(3);
    await desk.page.getByRole('listbox', { name: 'Cases' }).focus();
    await desk.page.keyboard.press('ArrowDown');
    await desk.page.keyboard.press('ArrowDown');
    await desk.caseRow('patient 01').and(desk.page.locator('[aria-selected=true]')).waitFor();
    await desk.page.getByRole('searchbox').fill('nothing of this name');
    await desk.page.getByRole('heading', { name: 'No case matches' }).waitFor();
    await desk.button('Show all').click();
    await expect.poll(() => desk.caseRow(/./).count()).toBe(3);
    await desk.page.getByRole('searchbox').fill('mirr');
    await expect.poll(() => desk.caseRow(/./).count()).toBe(1);
    await desk.page.getByRole('searchbox').fill('');
    await expect.poll(() => desk.caseRow(/./).count()).toBe(3);
  });

  it('several cases are chosen by mouse and by keys, and changed at once; heads sort', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    const excluded = async (): Promise<readonly string[]> =>
      (await client.library.list({ statuses: ['excluded'] })).cases.map(({ name }) => name);
    await desk.caseRow('mirrored').click();
    await desk.caseRow('patient 02').click({ modifiers: ['Control'] });
    await desk.page.getByText('2 selected').waitFor();
    await desk.button('Exclude').click();
    await expect.poll(excluded).toEqual(['mirrored', 'patient 02']);
    await desk.button('Include').click();
    await expect.poll(excluded).toEqual([]);
    await desk.caseRow('mirrored').click();
    await desk.page.getByRole('listbox', { name: 'Cases' }).press('Shift+ArrowDown');
    await desk.page.keyboard.press('Shift+ArrowDown');
    await desk.page.getByText('3 selected').waitFor();
    await desk.button('Hold out').click();
    await expect.poll(async () => (await client.library.list({ heldOut: true })).total).toBe(3);
    await desk.button('Use for training').click();
    await expect.poll(async () => (await client.library.list({ heldOut: true })).total).toBe(0);
    socket.close();
    const heads = desk.page.getByRole('group', { name: 'Columns' });
    await heads.getByRole('button', { name: /^Name/ }).click();
    await expect.poll(() => desk.caseRow(/./).first().textContent()).toContain('patient 02');
    await heads.getByRole('button', { name: /^Name/ }).click();
    await expect.poll(() => desk.caseRow(/./).first().textContent()).toContain('mirrored');
  });

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
    await toolIs('Threshold brush');
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

  it('what is painted is seen, and what is locked says so', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const list = page.getByRole('region', { name: 'Labels', exact: true });
    await page.keyboard.press('Digit1');
    await list.getByRole('button', { name: 'Hide Liver' }).click();
    await page.keyboard.press('b');
    await desk.drag('axial', [
      [0.5, 0.2],
      [0.52, 0.22],
    ]);
    await list.getByRole('button', { name: 'Hide Liver', pressed: false }).waitFor();
    await list.getByRole('button', { name: 'Lock Liver' }).click();
    await list.getByRole('button', { name: 'Lock Liver', pressed: true }).waitFor();
    await page.keyboard.press('Digit2');
    const [x, y] = await desk.at('axial', 0.51, 0.21);
    await page.mouse.move(x, y);
    await page.locator('[data-orientation=axial] .preview.blocked').waitFor();
    const spleen = await millilitres('Spleen');
    await desk.drag('axial', [
      [0.51, 0.21],
      [0.512, 0.212],
    ]);
    await desk.told(/“Liver” is locked: its voxels stayed as they are\./);
    expect(await millilitres('Spleen')).toBeGreaterThanOrEqual(spleen);
    await list.getByRole('button', { name: 'Lock Liver' }).click();
    await desk.saved();
  });

  it('a fill that reaches the edge of the picture asks first', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const before = (await desk.history()).length;
    await page.keyboard.press('f');
    const [x, y] = await desk.at('axial', 0.5, 0.93);
    await page.mouse.click(x, y);
    const question = page.getByRole('group', { name: 'Preview' });
    await question.getByText(/reaches the edge/).waitFor();
    await desk.screenshot('hand-leak');
    await question.getByRole('button', { name: /^Cancel/ }).click();
    await question.waitFor({ state: 'detached' });
    expect((await desk.history()).length).toBe(before);
    await page.mouse.click(x, y);
    await question.waitFor();
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    expect((await desk.history()).length).toBe(before);
    await page.mouse.click(x, y);
    await question.waitFor();
    await page.keyboard.press('Enter');
    await expect.poll(async () => (await desk.history()).at(-1)).toBe('Fill: Spleen');
    await page.keyboard.press('Control+z');
    await desk.saved();
  });

  it('labels are chosen, picked and shown alone by key, and the palette knows their names', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('patient 01');
    const list = page.getByRole('region', { name: 'Labels', exact: true });
    const active = (): Promise<string | null> => list.locator('li.active .name span').textContent();
    await page.keyboard.press('Digit1');
    await page.keyboard.press('.');
    await expect.poll(active).toBe('Spleen');
    await page.keyboard.press(',');
    await page.keyboard.press(',');
    await expect.poll(active).toBe('Left kidney');
    await desk.settled();
    const [x, y] = await desk.at('axial', 0.4, 0.45); // in the liver
    await page.mouse.move(x, y);
    await page.keyboard.press('y');
    await expect.poll(active).toBe('Liver');
    await page.keyboard.press('Shift+V');
    await expect.poll(() => list.getByRole('button', { name: /^Hide/, pressed: true }).count()).toBe(3);
    await page.keyboard.press('Shift+V');
    await expect.poll(() => list.getByRole('button', { name: /^Hide/, pressed: true }).count()).toBe(0);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search commands' }).fill('spleen');
    await page.getByRole('option', { name: /^Draw with Spleen/ }).waitFor();
    await page.keyboard.press('Enter');
    await expect.poll(active).toBe('Spleen');
  });

  it('a range is sampled from tissue, and every tool keeps to it', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const range = page.getByRole('group', { name: 'Range' });
    const paint = async (): Promise<number> => {
      await page.keyboard.press('Digit4');
      await page.keyboard.press('b');
      await page.getByRole('spinbutton', { name: 'Radius' }).fill('30');
      await page.keyboard.press('Enter');
      await desk.drag('axial', [
        [0.5, 0.75],
        [0.51, 0.76],
      ]);
      await expect.poll(() => millilitres('Left kidney')).toBeGreaterThan(0);
      const painted = await millilitres('Left kidney');
      await page.keyboard.press('Control+z');
      await expect.poll(() => millilitres('Left kidney')).toBe(0);
      return painted;
    };
    const everything = await paint();
    await page.keyboard.press('j');
    await desk.drag('axial', [
      [0.5, 0.79],
      [0.505, 0.8],
      [0.495, 0.8],
    ]); // in the spine
    await expect
      .poll(async () => Number(await range.getByRole('spinbutton', { name: 'Lower end of the range' }).inputValue()))
      .toBeGreaterThan(150);
    const bone = await paint();
    expect(bone).toBeLessThan(everything / 2);
    await page.keyboard.press('b');
    await range.getByRole('checkbox', { name: 'Only in range' }).click();
    expect(await paint()).toBe(everything);
    await desk.saved();
  });

  it('one key accepts and opens the next case', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    const idOf = async (name: string): Promise<string> => (await client.library.list({ text: name })).cases[0]?.id ?? '';
    const [first, second, third] = [await idOf('patient 02'), await idOf('patient 01'), await idOf('mirrored')];
    await client.library.update({ caseIds: [first, second], status: 'inCorrection' });
    await client.library.update({ caseIds: [third], status: 'excluded' });
    await desk.openCase('patient 02');
    await desk.acceptAsItIs('Shift+A');
    await desk.caseIsOpen('patient 01');
    await desk.told(/^Accepted\./);
    expect((await client.library.get({ caseId: first })).case.status).toBe('accepted');
    socket.close();
  });

  it('an improvement shows its own model, and a worse one is not taken by one click', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.go('train');
    await page.locator('.setup li button').nth(1).click();
    await page
      .locator('.verdict')
      .getByText(/no gain/i)
      .waitFor();
    await desk.button('Show in Models').click();
    await page.getByRole('heading', { name: 'Model 2' }).waitFor();
    await desk.button('Promote').click();
    await page
      .getByRole('alert')
      .getByText(/No gain/)
      .waitFor();
    await page.getByRole('heading', { name: 'Model 2' }).waitFor();
    const { client, socket } = await desk.client();
    expect((await client.models.list()).models.find((model) => model.promoted)?.name).toBe('Model 1');
    await desk.button('Promote nevertheless').click();
    await page.locator('.use', { hasText: 'In use' }).waitFor();
    expect((await client.models.list()).models.find((model) => model.promoted)?.name).toBe('Model 2');
    socket.close();
    expect(
      await page
        .getByRole('region', { name: 'Model card' })
        .getByText(/The model in use stays/)
        .count(),
    ).toBe(0);
  });

  it('threw nothing in the window', () => {
    expect(tests.desk.errors).toEqual([]);
  });
});
