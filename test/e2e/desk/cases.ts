import type { Locator } from 'playwright-core';
import { expect } from 'vitest';
import { Views } from './views.ts';

/** Projects and their cases: made, imported, opened, accepted. */
export class Cases extends Views {
  /** Makes a project by the start workspace's dialog; `choose` fills in the folder instead of typing its path. */
  async newProject(
    { name, folder, labels }: { readonly name: string; readonly folder: string; readonly labels: readonly string[] },
    choose?: (dialog: Locator) => Promise<void>,
  ): Promise<void> {
    await this.button(/^New project/).click();
    const dialog = this.page.getByRole('dialog', { name: 'New project' });
    const path = dialog.getByRole('textbox', { name: /^Folder/ });
    await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
    if (choose === undefined) await path.fill(folder);
    else await choose(dialog);
    expect(await path.inputValue()).toBe(folder);
    await dialog.getByRole('textbox', { name: 'Labels, one a line' }).fill(labels.join('\n'));
    await dialog.getByRole('button', { name: 'Create project' }).click();
    await this.page.getByRole('heading', { name: 'No cases yet' }).waitFor();
  }

  async openDemo(): Promise<void> {
    await this.button(/^Demo project/)
      .first()
      .click();
    await this.page.locator('[data-workspace=cases][aria-current=page]').waitFor({ timeout: 480_000 });
    await this.caseRow(/./).first().waitFor();
  }

  /** Shows a folder in the folder browser, as one who types its path. */
  async browseTo(title: string, path: string): Promise<void> {
    const dialog = this.page.getByRole('dialog', { name: title });
    await dialog.getByRole('textbox', { name: 'Folder path' }).fill(path);
    await dialog.getByRole('button', { name: 'Go', exact: true }).click();
    await dialog.getByRole('list', { name: `Contents of ${path}`, exact: true }).waitFor();
  }

  /** Imports what lies there as the plan proposes, past its dialogs. */
  async bring(source: string): Promise<void> {
    const { client, socket } = await this.client();
    await client.library.import({ sources: [source] });
    socket.close();
  }

  /** Chooses an entry of a folder to be imported, in the workspace of the cases; answers with the dialog that shows the plan. */
  async planImport(folder: string, entry: string, button = 'Import'): Promise<Locator> {
    await this.button(button).click();
    const browser = this.page.getByRole('dialog', { name: 'Import files or a folder' });
    await browser.getByRole('textbox', { name: 'Folder path' }).fill(folder);
    await this.page.keyboard.press('Enter');
    await browser.getByRole('checkbox', { name: `Choose ${entry}` }).click();
    await browser.getByRole('button', { name: 'Import (1)' }).click();
    await browser.waitFor({ state: 'detached' });
    return this.page.getByRole('dialog', { name: 'What will be imported' });
  }

  caseRow(text: string | RegExp): Locator {
    return this.page.getByRole('listbox', { name: 'Cases' }).getByRole('option').filter({ hasText: text });
  }

  async openCase(name: string): Promise<void> {
    await this.go('cases');
    await this.caseRow(name).dblclick();
    await this.caseIsOpen(name);
  }

  /** Opens a case, whatever layout the views have. */
  async returnTo(name: string): Promise<void> {
    await this.go('cases');
    await this.caseRow(name).dblclick();
    await this.titled(name);
  }

  /** A case is open, whatever of it is shown. */
  async titled(name: string): Promise<void> {
    await this.page.locator('.case h2').filter({ hasText: name }).waitFor();
    await this.settled();
  }

  /** A case is shown, and its views know their size. */
  async caseIsOpen(name: string): Promise<void> {
    await this.page.locator('.case h2').filter({ hasText: name }).waitFor();
    await this.page.locator('[data-orientation=axial] canvas').waitFor();
    await this.drawn('axial');
    await this.settled();
  }

  /** The name of the model that made a case's latest prediction, as the host knows it. */
  async predictedBy(caseName: string): Promise<string | undefined> {
    const { client, socket } = await this.client();
    try {
      const {
        cases: [found],
      } = await client.library.list({ text: caseName });
      return found === undefined ? undefined : (await client.predictions.get({ caseId: found.id }))?.modelName;
    } finally {
      socket.close();
    }
  }

  /** Accepts the open case by key: looks at what was not shown yet, and leaves out what a prediction found beyond its mask. */
  async acceptAsItIs(key: 'Control+Enter' | 'Shift+A'): Promise<void> {
    const before = (await this.said()).length;
    const isDone = async (): Promise<boolean> => (await this.said()).slice(before).some((text) => text.startsWith('Accepted.'));
    const asked = this.page.getByRole('dialog').getByRole('button', { name: /^(Accept as|Show )/ });
    await this.page.keyboard.press(key);
    for (;;) {
      await expect.poll(async () => (await asked.count()) > 0 || (await isDone())).toBe(true);
      if (await isDone()) return;
      const looks = (await asked.textContent())?.startsWith('Show') === true;
      await asked.click();
      await this.page.locator('dialog').waitFor({ state: 'detached' });
      if (!looks) continue;
      await this.settled();
      await this.page.keyboard.press(key);
    }
  }

  /** Gives up whatever is begun or open, opens the project again where it was closed, and takes the filters off the list. */
  async release(): Promise<void> {
    await this.page.mouse.up();
    for (let n = 0; n < 3; n++) await this.page.keyboard.press('Escape');
    await this.page.locator('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => this.#tidied()).toBe(true);
  }

  /** False where the project went meanwhile: closing it takes a while. */
  async #tidied(): Promise<boolean> {
    const patience = { timeout: 8000 };
    try {
      const cases = this.page.locator('[data-workspace=cases]');
      if (await cases.isDisabled()) {
        await this.go('start');
        await this.page.locator('.open:enabled').first().click(patience);
      }
      await cases.click(patience);
      await this.page.getByRole('searchbox').fill('', patience);
      await this.page.getByRole('radiogroup', { name: 'Status' }).getByRole('radio').first().click(patience);
      return true;
    } catch {
      return false;
    }
  }
}
