import AxeBuilder from 'axe-core';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { installedBrowser, openBrowser, type OpenBrowser } from '../support/browser.ts';
import { connectClient, launchWebHost, type RunningWebHost } from '../support/webHost.ts';
import { keepCensus, type Census, type Computed, type PageCensus } from './census/recorder.ts';

const root = resolve(import.meta.dirname, '../..');
export const rendererFolder = join(root, 'dist/renderer');
export const screenshots = join(root, 'test-results/screens');
/** What each desk has seen and pressed, for the census. */
export const censusFolder = join(root, 'test-results/census');
/** The sizes that the window is made for: all of them where pictures are wanted to be looked at (LOGONET_SCREENS=all), else the smallest. */
const sizes = [
  { name: '720p', width: 1280, height: 720, scale: 1 },
  ...(process.env['LOGONET_SCREENS'] === 'all'
    ? [
        { name: '900p', width: 1440, height: 900, scale: 1 },
        { name: '4k', width: 3840, height: 2160, scale: 1 },
        { name: '4k-scaled', width: 1920, height: 1080, scale: 2 },
      ]
    : []),
];

/** The desk of a file's tests, over one data folder that outlives restarts. */
export interface TestDesk {
  readonly desk: Desk;
  /** Ends window and host, in whatever state they are, and starts both again. */
  restart(): Promise<void>;
}

/**
 * Opens a desk before the tests of a suite and clears it away after them. Where the tests are the steps of one `script`, what comes after a
 * step that failed is not tried.
 */
export function deskForTests({ script = false } = {}): TestDesk {
  const data = mkdtempSync(join(tmpdir(), 'logonet-e2e-'));
  let desk: Desk | undefined;
  let broken: string | undefined;
  const open = async (): Promise<void> => {
    desk = await Desk.open(data);
  };
  beforeAll(open);
  beforeEach(({ task, onTestFailed }) => {
    if (script && broken !== undefined) throw new Error(`Not tried: “${broken}” failed before.`);
    onTestFailed(async () => {
      broken ??= task.name;
      await desk?.screenshot(`failed ${task.name.replace(/[^\w ]/g, '')}`);
    });
  });
  afterAll(async () => {
    await desk?.close();
    rmSync(data, { recursive: true, force: true, maxRetries: 20 }); // A killed host's compute process may still leave its checkpoint.
  });
  return {
    get desk() {
      if (desk === undefined) throw new Error('The desk is not open yet.');
      return desk;
    },
    restart: async () => {
      await desk?.close();
      await open();
    },
  };
}

/** Remembers every message that the page shows, for messages vanish from the screen by themselves. Runs in the page, before its own scripts. */
function rememberMessages(): void {
  const said: string[] = [];
  const seen = new WeakSet<Element>();
  Object.assign(window, { said });
  new MutationObserver(() => {
    for (const message of document.querySelectorAll('[aria-label=Messages] p')) {
      if (seen.has(message)) continue;
      seen.add(message);
      said.push(message.textContent ?? '');
    }
  }).observe(document, { childList: true, subtree: true });
}

/** The app as a person has it: a real host process and a real browser window. */
export class Desk {
  host: RunningWebHost;
  readonly browser: OpenBrowser;
  readonly census: Census;
  page: Page;
  /** What the window threw or logged as an error. */
  readonly errors: string[] = [];

  private constructor(host: RunningWebHost, browser: OpenBrowser, census: Census) {
    this.host = host;
    this.browser = browser;
    this.census = census;
    this.page = browser.page;
    this.#listen();
  }

  /** What the window throws or logs as an error is kept. */
  #listen(): void {
    this.page.on('pageerror', (error) => this.errors.push(error.stack ?? error.message));
    this.page.on('console', (message) => {
      // The host's entry page has no icon of its own.
      if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico'))
        this.errors.push(`${message.text()} ${message.location().url}`);
    });
  }

  /** Another window of the same program, in the place of this one. */
  async anotherWindow(): Promise<void> {
    this.page = await this.browser.context.newPage();
    this.#listen();
    await this.page.goto(this.host.origin);
    await this.ready();
  }

  /** The window has begun, and listens. */
  async ready(): Promise<void> {
    await this.page.waitForSelector('html[data-ready=true]');
  }

  static async open(dataFolder: string, size: { readonly width?: number; readonly height?: number } = {}): Promise<Desk> {
    const executable = installedBrowser();
    if (executable === null) throw new Error('no browser');
    const host = await launchWebHost({ rendererFolder, dataFolder });
    const browser = await openBrowser(executable, size);
    const desk = new Desk(host, browser, await keepCensus(browser.context));
    await desk.browser.context.addInitScript(rememberMessages);
    await desk.page.goto(host.address);
    await desk.ready();
    return desk;
  }

  /** Ends the host as kill -9 does, and starts it again under the window that is left. */
  async restartHost(): Promise<void> {
    const { process, dataFolder } = this.host;
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGKILL');
    await ended;
    this.host = await launchWebHost({ rendererFolder, dataFolder });
    await this.page.goto(this.host.address);
    await this.ready();
    // The window looked for the host that was gone.
    const others = this.errors.filter((each) => !each.includes('ERR_CONNECTION_REFUSED'));
    this.errors.splice(0, Infinity, ...others);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.host.stop();
    const { seen, pressed, nameless } = this.census;
    mkdirSync(censusFolder, { recursive: true });
    writeFileSync(
      join(censusFolder, `${String(process.pid)}-${String(Date.now())}.json`),
      JSON.stringify({ seen: [...seen], pressed: [...pressed], nameless: [...nameless] }),
    );
  }

  /** How often a hand has clicked and pressed keys since the page was loaded. */
  async hands(): Promise<{ readonly clicks: number; readonly keys: number }> {
    return this.page.evaluate(() => ({ ...(window as unknown as { readonly hands: { clicks: number; keys: number } }).hands }));
  }

  /** For the census: a test has seen what a control does where the window itself does not change, as in a file. */
  async proved(control: Locator, effect: 'disk' | 'picture'): Promise<void> {
    const key = await control.evaluate((element) => (window as unknown as { readonly census: PageCensus }).census.keyOf(element));
    this.census.pressed.set(key, effect);
  }

  /** Presses a control that saves a file, and answers with the file's name. */
  async savedBy(control: Locator): Promise<string> {
    const [download] = await Promise.all([this.page.waitForEvent('download'), control.click()]);
    expect(statSync(await download.path()).size).toBeGreaterThan(0);
    await this.proved(control, 'disk');
    return download.suggestedFilename();
  }

  /** A button of the workspace (not of the bar that chooses it). */
  button(name: string | RegExp): Locator {
    return this.page.getByRole('main').getByRole('button', { name, ...(typeof name === 'string' ? { exact: true } : {}) });
  }

  async go(workspace: string): Promise<void> {
    await this.page.locator(`[data-workspace=${workspace}]`).click();
  }

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

  /** Waits until a view shows an image, not only its frame. */
  async drawn(view: string): Promise<void> {
    await this.page.waitForFunction(
      (name) => {
        const canvas = document.querySelector<HTMLCanvasElement>(`[data-orientation=${name}] canvas`);
        const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels?.some((value, at) => at % 4 === 0 && value > 64 && value === pixels[at + 1] && value === pixels[at + 2]) ?? false; // grey: tissue, not crosshair
      },
      view,
      { polling: 200 },
    );
  }

  /** What has changed is laid out and drawn: a view learns its size in the frame after it was laid out. */
  async settled(): Promise<void> {
    await this.page.evaluate(async () => {
      for (let frame = 0; frame < 3; frame++)
        await new Promise((done) => {
          requestAnimationFrame(done);
        });
    });
  }

  /** Nothing in the window changes any more: what it says, and in which state its controls are. */
  async quiet({ drawn = true } = {}): Promise<void> {
    let before = '';
    let same = 0;
    let changing: readonly string[] = [];
    await expect
      .poll(
        async () => {
          const now = await this.page.evaluate(() => (window as unknown as { readonly census: PageCensus }).census.state());
          same = now === before ? same + 1 : 0;
          if (same === 0) changing = changedLines(before, now);
          before = now;
          return same >= (drawn ? 2 : 1) ? 'quiet' : changing;
        },
        { interval: 80 },
      )
      .toBe('quiet');
    if (drawn) await this.settled();
  }

  /** A place in a view, in fractions of its size. */
  async at(view: string, x: number, y: number): Promise<readonly [number, number]> {
    const box = await this.page.locator(`[data-orientation=${view}]`).boundingBox();
    if (box === null) throw new Error(`no ${view} view`);
    return [box.x + x * box.width, box.y + y * box.height];
  }

  async drag(view: string, path: readonly (readonly [number, number])[], button: 'left' | 'right' = 'left'): Promise<void> {
    await this.settled();
    const places = await Promise.all(path.map(([x, y]) => this.at(view, x, y)));
    const [first, ...rest] = places;
    if (first === undefined) return;
    await this.page.mouse.move(first[0], first[1]);
    await this.page.mouse.down({ button });
    for (const [x, y] of rest) await this.page.mouse.move(x, y, { steps: 4 });
    await this.page.mouse.up({ button });
  }

  /** A client beside the window's, with its right to call. */
  async client(): ReturnType<typeof connectClient> {
    const cookies = await this.browser.context.cookies();
    return connectClient(this.host.origin, cookies.map(({ name, value }) => `${name}=${value}`).join('; '));
  }

  /** Opens a project in the host, and in the window, which is loaded anew. */
  async showProject(path: string): Promise<void> {
    const { client, socket } = await this.client();
    await client.projects.open({ path });
    socket.close();
    await this.page.reload();
    await this.ready();
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

  /** Goes to a control by the Tab key alone. */
  async tabTo(role: string, name: string | RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    const most = 120;
    for (let n = 0; n < most; n++) {
      const found = await this.page.evaluate(() => {
        const { computedRole, computedName } = document.activeElement as unknown as Computed;
        return [computedRole, computedName.trim()] as const;
      });
      if (found[0].toLowerCase() === role && (typeof name === 'string' ? found[1] === name : name.test(found[1]))) return;
      await this.page.keyboard.press(key);
    }
    throw new Error(`${String(most)} times ${key} do not reach the ${role} ${String(name)}.`);
  }

  /** Every message since the page was loaded, oldest first, whether it is still shown or not. */
  async said(): Promise<readonly string[]> {
    return this.page.evaluate(() => [...(window as unknown as { readonly said: readonly string[] }).said]);
  }

  /** Waits until the window has said it since it was loaded, or after the first `before` of its messages. */
  async told(text: RegExp, before = 0): Promise<void> {
    await expect.poll(async () => (await this.said()).slice(before), { timeout: 240_000 }).toContainEqual(expect.stringMatching(text));
  }

  /** What is on the screen now; a message that vanishes by itself is waited for with `told`. */
  message(text: string | RegExp): Locator {
    return this.page.getByLabel('Messages').getByText(text).first();
  }

  /** Names of the steps in the history panel, oldest first. */
  async history(): Promise<readonly string[]> {
    return (await this.page.locator('[aria-label=History] li').allTextContents()).map((text) => text.replace(/^\d+\s*/, '').trim());
  }

  /** Waits for these steps. */
  async historyIs(names: readonly string[]): Promise<void> {
    await expect.poll(() => this.history(), { timeout: 180_000 }).toEqual(names);
  }

  async saved(): Promise<void> {
    await this.page.locator('[aria-label=History] .saved', { hasText: 'saved' }).waitFor();
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

  /** Serious and critical findings of axe-core in what is shown now. */
  async findings(): Promise<readonly string[]> {
    await this.settled();
    await this.page.evaluate(AxeBuilder.source);
    return this.page.evaluate(async () => {
      const { axe } = window as unknown as { readonly axe: typeof AxeBuilder };
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(
          ({ id, nodes }) =>
            `${id}: ${nodes
              .slice(0, 3)
              .map((node) => node.target.join(' '))
              .join(' | ')}`,
        );
    });
  }

  /** The tool in the hand, as the tool panel names it. */
  async tool(): Promise<string> {
    return (await this.page.getByRole('region', { name: 'Tool settings' }).getByRole('heading').textContent()) ?? '';
  }

  async toolIs(name: string): Promise<void> {
    await expect.poll(() => this.tool()).toBe(name);
  }

  /** The slice number that a view shows. */
  async slice(view: string): Promise<number> {
    return Number.parseInt((await this.page.locator(`[data-orientation=${view}] .title .number`).first().textContent()) ?? '', 10);
  }

  /** The brightest channel of what a view shows. */
  async brightest(view: string): Promise<number> {
    return this.page
      .getByRole('application', { name: view })
      .locator('canvas')
      .evaluate((canvas: HTMLCanvasElement) => {
        const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
        return pixels.reduce((most, value, at) => (at % 4 === 3 ? most : Math.max(most, value)), 0);
      });
  }

  /** What a view shows, to be compared. */
  async picture(view: string): Promise<string> {
    return this.page
      .getByRole('application', { name: view })
      .locator('canvas')
      .evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
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

  /** What the window has said of faults of its own. */
  async failures(): Promise<readonly string[]> {
    return (await this.said()).filter((text) => /for a reason that the log has|unexpected|opened in another window/i.test(text));
  }

  /** Waits for a dialog that a key opens. */
  async dialog(): Promise<void> {
    await this.page.locator('dialog[open]').waitFor();
  }

  /** Keys belong to the dialog until it is gone. */
  async closeDialog(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.page.locator('dialog').waitFor({ state: 'detached' });
  }

  /** Screenshots at every size that the window is made for; leaves it at the smallest. */
  async screenshots(name: string): Promise<void> {
    const metrics = await this.browser.context.newCDPSession(this.page);
    for (const { name: size, width, height, scale } of sizes) {
      await this.page.setViewportSize({ width, height });
      if (scale > 1) await metrics.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: false });
      await this.quiet();
      await this.screenshot(`${name}-${size}`);
    }
    await metrics.detach();
    if (sizes.length > 1) await this.page.setViewportSize({ width: 1280, height: 720 });
  }

  async screenshot(name: string): Promise<void> {
    mkdirSync(screenshots, { recursive: true });
    await this.page.screenshot({ path: join(screenshots, `${name}.png`), timeout: 120_000 });
  }
}

/** What one text says and another does not, a few lines of each. */
function changedLines(before: string, now: string): readonly string[] {
  const [was, is] = [before.split('\n'), now.split('\n')];
  return [...was.filter((line) => !is.includes(line)).slice(0, 3), ...is.filter((line) => !was.includes(line)).slice(0, 3)];
}
