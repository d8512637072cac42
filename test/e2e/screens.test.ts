import AxeBuilder from 'axe-core';
import { describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { deskForTests } from './driver.ts';

const sizes = [{ name: '720p', width: 1280, height: 720 }, { name: '4k', width: 3840, height: 2160 }] as const;

describe.skipIf(installedBrowser() === null)('every workspace', () => {
  const tests = deskForTests();

  /** Serious and critical findings of axe-core in what is shown now. */
  async function findings(): Promise<readonly string[]> {
    await tests.desk.page.evaluate(AxeBuilder.source);
    return tests.desk.page.evaluate(async () => {
      const { axe } = window as unknown as { readonly axe: typeof AxeBuilder };
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.target.join(' ')).join(' | ')}`);
    });
  }

  const shown: Record<string, readonly string[]> = {};
  async function look(name: string): Promise<void> {
    for (const { name: size, width, height } of sizes) {
      await tests.desk.page.setViewportSize({ width, height });
      await tests.desk.page.waitForTimeout(700);
      await tests.desk.screenshot(`${name}-${size}`);
    }
    await tests.desk.page.setViewportSize({ width: 1280, height: 720 });
    shown[name] = await findings();
  }

  /** Keys belong to the dialog until it is gone. */
  async function closeDialog(): Promise<void> {
    await tests.desk.page.keyboard.press('Escape');
    await tests.desk.page.locator('dialog').waitFor({ state: 'detached' });
  }

  it('is drawn at 1280×720 and at 3840×2160, without a serious accessibility finding', async () => {
    await look('start');
    await tests.desk.openDemo();
    await look('cases');
    await tests.desk.openCase('Phantom 01');
    await tests.desk.page.getByText('Surfaces appear here').waitFor({ state: 'hidden', timeout: 60_000 });
    await tests.desk.page.getByText(/^surfaces \d/).waitFor({ state: 'hidden', timeout: 60_000 });
    await look('correct');
    for (const workspace of ['train', 'models', 'export', 'problems', 'settings']) {
      await tests.desk.go(workspace);
      await tests.desk.page.waitForTimeout(1200);
      await look(workspace);
    }
    await tests.desk.page.keyboard.press('Shift+?');
    await look('keys');
    await closeDialog();
    await tests.desk.page.keyboard.press('Control+k');
    await look('palette');
    await closeDialog();
    expect(shown).toEqual(Object.fromEntries(Object.keys(shown).map((name) => [name, []])));
  }, 900_000);

  it('can be reached by keyboard alone', async () => {
    await tests.desk.page.keyboard.press('Alt+Digit2');
    await tests.desk.page.locator('[data-workspace=cases][aria-current=page]').waitFor();
    await tests.desk.page.getByRole('listbox', { name: 'Cases' }).focus();
    await tests.desk.page.keyboard.press('ArrowDown');
    await tests.desk.page.keyboard.press('ArrowDown');
    await tests.desk.page.keyboard.press('Enter');
    await tests.desk.page.locator('.case h2').waitFor({ timeout: 60_000 });
    await tests.desk.page.keyboard.press('Control+k');
    await tests.desk.page.keyboard.type('interpolate');
    await tests.desk.page.keyboard.press('Enter');
    await tests.desk.page.locator('[data-tool=interpolate][aria-pressed=true]').waitFor();
  });

  it('threw nothing in the window', () => {
    expect(tests.desk.errors).toEqual([]);
  });
});
