import AxeBuilder from 'axe-core';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { expect } from 'vitest';
import type { Computed, PageCensus } from '../census/recorder.ts';
import { OpenWindow, results } from './openWindow.ts';

export const screenshots = join(results, 'screens');
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

/** What a hand does to controls, and an eye looks at, wherever in the window. */
export class Controls extends OpenWindow {
  /** A button of the workspace (not of the bar that chooses it). */
  button(name: string | RegExp): Locator {
    return this.page.getByRole('main').getByRole('button', { name, ...(typeof name === 'string' ? { exact: true } : {}) });
  }

  async go(workspace: string): Promise<void> {
    await this.page.locator(`[data-workspace=${workspace}]`).click();
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

  /** Waits for a dialog that a key opens. */
  async dialog(): Promise<void> {
    await this.page.locator('dialog[open]').waitFor();
  }

  /** Keys belong to the dialog until it is gone. */
  async closeDialog(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.page.locator('dialog').waitFor({ state: 'detached' });
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

  /** Serious and critical findings of axe-core in what is shown now. */
  async findings(): Promise<readonly string[]> {
    await this.settled();
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(AxeBuilder.source);
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
