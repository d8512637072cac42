import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import type { Desk, TestDesk } from '../driver.ts';

type Client = Awaited<ReturnType<Desk['client']>>['client'];

/** A window on the hand project, and the ways through it that the states of the census share. */
export class Room {
  readonly #tests: TestDesk;
  readonly folder: string;
  #connection: Awaited<ReturnType<Desk['client']>> | undefined;

  constructor(tests: TestDesk, folder: string) {
    this.#tests = tests;
    this.folder = folder;
  }

  get desk(): Desk {
    return this.#tests.desk;
  }

  get page(): Page {
    return this.desk.page;
  }

  get project(): string {
    return join(this.folder, 'project');
  }

  /** Beside the window's. */
  async client(): Promise<Client> {
    this.#connection ??= await this.desk.client();
    return this.#connection.client;
  }

  close(): void {
    this.#connection?.socket.close();
  }

  tool(name: string): Locator {
    return this.page.getByRole('toolbar', { name: 'Tools' }).getByRole('button', { name, exact: true });
  }

  async openHandProject(): Promise<void> {
    await (await this.client()).projects.open({ path: this.project });
    await this.page.reload();
    await this.desk.ready();
  }

  /** Labels that may be changed, in a window whose tools are as at the start, whatever was pressed before. */
  async unlockLabels(): Promise<void> {
    const client = await this.client();
    const labels = (await client.projects.current({})).project?.labels ?? [];
    if (labels.every(({ locked }) => !locked)) return;
    await client.projects.setLabels({ labels: labels.map((label) => ({ ...label, locked: false })) });
    await this.openHandProject();
  }

  /** Nothing is open over the window, and the project is. */
  async home(workspace: string): Promise<void> {
    const { project } = await (await this.client()).projects.current({});
    if (project?.path !== this.project) await this.openHandProject();
    const here = this.page.locator(`[data-workspace=${workspace}]`);
    // A question may follow from what was pressed last, a little later.
    for (let n = 0; n < 4; n++) {
      for (let each = 0; each < 4 && (await this.page.locator('dialog').count()) > 0; each++) await this.page.keyboard.press('Escape');
      if (await here.isDisabled()) await this.openHandProject();
      if (
        await here.click({ timeout: 4000 }).then(
          () => true,
          () => false,
        )
      )
        break;
    }
    await this.page.locator(`[data-workspace=${workspace}][aria-current=page]`).waitFor();
  }

  /** The list with all of its cases. */
  async allCases(): Promise<void> {
    await this.home('cases');
    await this.page.getByRole('searchbox').fill('');
    await this.page.getByRole('radiogroup', { name: 'Status' }).getByRole('radio').first().click();
  }

  async inCase(name: string): Promise<void> {
    await this.home('correct');
    if ((await this.page.locator('.case h2').allTextContents())[0] !== name) {
      await this.allCases();
      await this.desk.caseRow(name).dblclick();
      await this.desk.titled(name);
    }
    await this.page.getByRole('combobox', { name: 'Layout' }).selectOption('Four views');
  }

  /** The case whose mask every operation changes, as it was imported, with a tool in the hand and no range. */
  async withTool(name: string): Promise<void> {
    await this.unlockLabels();
    await this.inCase('shapes');
    const preview = this.page.getByRole('group', { name: 'Preview' });
    if ((await preview.count()) > 0) await preview.getByRole('button', { name: /^Cancel/ }).click();
    const undo = this.page.getByRole('region', { name: 'History' }).getByRole('button', { name: /^Undo/ });
    for (let n = 0; n < 40 && (await undo.isEnabled()); n++) {
      await undo.click();
      await this.desk.quiet({ drawn: false });
    }
    await this.page.getByRole('application', { name: /^Axial view/ }).focus();
    await this.page.keyboard.press('Digit1');
    await this.tool(name).click();
    const ranged = this.page.getByRole('region', { name: 'Tool settings' }).getByRole('checkbox', { name: 'Only in range' });
    if ((await ranged.count()) > 0 && (await ranged.isChecked())) await ranged.click();
  }

  async chooseTwo(): Promise<void> {
    await this.allCases();
    await this.desk.caseRow(/./).first().click();
    await this.desk
      .caseRow(/./)
      .nth(1)
      .click({ modifiers: ['Control'] });
    await this.page.getByText('2 selected').waitFor();
  }

  async palette(command: string): Promise<void> {
    await this.page.keyboard.press('Control+k');
    await this.page.locator('dialog input:focus').waitFor();
    await this.page.keyboard.type(command);
  }

  /** What lies under a summary is pressed as all else. */
  async unfold(): Promise<void> {
    await this.page.evaluate(() => {
      const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
      for (const folded of top.querySelectorAll('details:not([open])')) (folded as HTMLDetailsElement).open = true;
    });
  }
}
