import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StudioError } from '#shared/base/errors.ts';
import { Desk } from '../../e2e/driver.ts';
import { startStudio, testLabels, writePairs } from '../../support/studio.ts';
import { fillDisk } from '../smallDisk.ts';

/** Longer than anything takes that comes at all, on a machine that is busy with other things. */
const patienceMilliseconds = 240_000;

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + patienceMilliseconds;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await pause(100);
  }
}

/** A real window in a real browser on a real host, whose project lies on a small disk. */
export class BrowserBench {
  readonly desk: Desk;
  readonly project: string;
  readonly caseIds: ReadonlyMap<string, string>;
  readonly #disk: string;
  full = false;

  private constructor(desk: Desk, disk: string, project: string, caseIds: ReadonlyMap<string, string>) {
    this.desk = desk;
    this.#disk = disk;
    this.project = project;
    this.caseIds = caseIds;
  }

  /** Cases are called `case0`, `case1` … */
  static async open(folder: string, disk: string, cases: number): Promise<BrowserBench> {
    const project = join(disk, 'project');
    mkdirSync(disk, { recursive: true });
    const { client, studio } = startStudio(join(folder, 'studio'));
    await client.projects.create({ path: project, name: 'Seam', labels: testLabels });
    await writePairs(join(folder, 'incoming'), cases, 0, [48, 48, 16]);
    await client.library.import({ sources: [join(folder, 'incoming')], mode: 'reference' });
    const caseIds = new Map((await client.library.list({ limit: 200 })).cases.map(({ name, id }) => [name, id]));
    await studio.close();
    const desk = await Desk.open(join(folder, 'data'));
    desk.page.on('dialog', (dialog) => void dialog.accept());
    const bench = new BrowserBench(desk, disk, project, caseIds);
    await bench.enterProject();
    return bench;
  }

  documentOf(name: string): string {
    return join(this.project, 'cases', this.caseIds.get(name) ?? '', 'document');
  }

  /** The host has the project open, and the window shows it; false where the disk is full and it cannot be opened. */
  async enterProject(): Promise<boolean> {
    const { client, socket } = await this.desk.client();
    try {
      if ((await client.projects.current()).project !== null) return true;
      await client.projects.open({ path: this.project });
      await this.reload();
      return true;
    } catch (error) {
      if (this.full && error instanceof StudioError && error.code === 'disk-full') return false;
      throw error;
    } finally {
      socket.close();
    }
  }

  async reload(): Promise<void> {
    await this.desk.page.reload();
    await this.desk.ready();
  }

  /** The window's process ends, and another window comes. */
  async crashWindow(): Promise<void> {
    const { desk } = this;
    const session = await desk.browser.context.newCDPSession(desk.page);
    const before = desk.page;
    const crashed = before.waitForEvent('crash');
    void session.send('Page.crash').catch(() => undefined); // Nobody is left to answer.
    await crashed;
    await desk.anotherWindow();
    desk.page.on('dialog', (dialog) => void dialog.accept());
    await before.close();
  }

  /** kill -9, and the program is started again. */
  async killHost(): Promise<void> {
    await this.desk.restartHost();
  }

  fill(): void {
    if (!this.full) fillDisk(join(this.#disk, 'filler'));
    this.full = true;
  }

  free(): void {
    rmSync(join(this.#disk, 'filler'), { force: true });
    this.full = false;
  }

  /** Opens a case unless it is; false where the disk is full and it cannot be. */
  async openCase(name: string): Promise<boolean> {
    const { desk } = this;
    if (!(await this.enterProject())) return false;
    const shown = desk.page.locator('.case h2').filter({ hasText: name });
    await desk.settled();
    if ((await shown.count()) === 0) {
      const before = (await desk.said()).length;
      await desk.go('cases');
      await desk.caseRow(name).dblclick();
      let refused = false;
      await until(`${name} is open`, async () => {
        refused = this.full && (await desk.said()).slice(before).some((text) => /disk is full/i.test(text));
        return refused || (await shown.count()) > 0;
      });
      if (refused && (await shown.count()) === 0) return false;
    }
    await desk.caseIsOpen(name);
    return true;
  }

  async close(): Promise<void> {
    await this.desk.close();
  }
}
