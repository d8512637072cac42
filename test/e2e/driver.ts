import AxeBuilder from 'axe-core';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { installedBrowser, openBrowser, type OpenBrowser } from '../support/browser.ts';
import { connectClient, launchWebHost, type RunningWebHost } from '../support/webHost.ts';

const root = resolve(import.meta.dirname, '../..');
export const rendererFolder = join(root, 'dist/renderer');
export const screenshots = join(root, 'test-results/screens');
const sizes = [{ name: '720p', width: 1280, height: 720 }, { name: '4k', width: 3840, height: 2160 }] as const;

/** The desk of a file's tests, over one data folder that outlives restarts. */
export interface TestDesk {
  readonly desk: Desk;
  /** Ends window and host, in whatever state they are, and starts both again. */
  restart(): Promise<void>;
}

/** Opens a desk before the tests of a suite and clears it away after them. */
export function deskForTests(): TestDesk {
  const data = mkdtempSync(join(tmpdir(), 'logonet-e2e-'));
  let desk: Desk | undefined;
  const open = async (): Promise<void> => { desk = await Desk.open(data); };
  beforeAll(open);
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
  readonly host: RunningWebHost;
  readonly browser: OpenBrowser;
  page: Page;
  /** What the window threw or logged as an error. */
  readonly errors: string[] = [];

  private constructor(host: RunningWebHost, browser: OpenBrowser) {
    this.host = host;
    this.browser = browser;
    this.page = browser.page;
    this.#listen();
  }

  /** What the window throws or logs as an error is kept. */
  #listen(): void {
    this.page.on('pageerror', (error) => this.errors.push(error.message));
    this.page.on('console', (message) => {
      // The host's entry page has no icon of its own.
      if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) this.errors.push(`${message.text()} ${message.location().url}`);
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
    const desk = new Desk(host, await openBrowser(executable, size));
    await desk.browser.context.addInitScript(rememberMessages);
    await desk.page.goto(host.address);
    await desk.ready();
    return desk;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.host.stop();
  }

  /** A button of the workspace (not of the bar that chooses it). */
  button(name: string | RegExp): Locator {
    return this.page.getByRole('main').getByRole('button', { name, ...(typeof name === 'string' ? { exact: true } : {}) });
  }

  async go(workspace: string): Promise<void> {
    await this.page.locator(`[data-workspace=${workspace}]`).click();
  }

  async openDemo(): Promise<void> {
    await this.button(/^Demo project/).first().click();
    await this.page.locator('[data-workspace=cases][aria-current=page]').waitFor({ timeout: 480_000 });
    await this.caseRow(/./).first().waitFor();
  }

  caseRow(text: string | RegExp): Locator {
    return this.page.getByRole('listbox', { name: 'Cases' }).getByRole('option').filter({ hasText: text });
  }

  async openCase(name: string): Promise<void> {
    await this.go('cases');
    await this.caseRow(name).dblclick();
    await this.caseIsOpen(name);
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
    await this.page.waitForFunction((name) => {
      const canvas = document.querySelector<HTMLCanvasElement>(`[data-orientation=${name}] canvas`);
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels?.some((value, at) => at % 4 === 0 && value > 64 && value === pixels[at + 1] && value === pixels[at + 2]) ?? false; // grey: tissue, not crosshair
    }, view, { polling: 200 });
  }

  /** What has changed is laid out and drawn: a view learns its size in the frame after it was laid out. */
  async settled(): Promise<void> {
    await this.page.evaluate(async () => {
      for (let frame = 0; frame < 3; frame++) await new Promise((done) => { requestAnimationFrame(done); });
    });
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

  /** The name of the model that made a case's latest prediction, as the host knows it. */
  async predictedBy(caseName: string): Promise<string | undefined> {
    const { client, socket } = await this.client();
    try {
      const { cases: [found] } = await client.library.list({ text: caseName });
      return found === undefined ? undefined : (await client.predictions.get({ caseId: found.id }))?.modelName;
    } finally {
      socket.close();
    }
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

  /** Serious and critical findings of axe-core in what is shown now. */
  async findings(): Promise<readonly string[]> {
    await this.settled();
    await this.page.evaluate(AxeBuilder.source);
    return this.page.evaluate(async () => {
      const { axe } = window as unknown as { readonly axe: typeof AxeBuilder };
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.target.join(' ')).join(' | ')}`);
    });
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
    for (const { name: size, width, height } of sizes) {
      await this.page.setViewportSize({ width, height });
      await this.page.waitForTimeout(700); // For the picture alone: nothing is judged by it.
      await this.screenshot(`${name}-${size}`);
    }
    await this.page.setViewportSize({ width: 1280, height: 720 });
  }

  async screenshot(name: string): Promise<void> {
    mkdirSync(screenshots, { recursive: true });
    await this.page.screenshot({ path: join(screenshots, `${name}.png`), timeout: 120_000 });
  }
}
