import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { makeHandProject } from '../support/handProject.ts';
import { labelsAndLimits } from './byHand/labelsAndLimits.ts';
import { toolsAndKeys } from './byHand/toolsAndKeys.ts';
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

  toolsAndKeys(tests);
  labelsAndLimits(tests);

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
