import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownNode, root } from '../../scripts/node.mjs';
import { dragAlong } from './desk/views.ts';

/** Electron's program, or null: it is downloaded at first use, and not every network allows that. */
function electronProgram(): string | null {
  const folder = process.env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(root, 'node_modules/electron/dist');
  const names: Partial<Record<NodeJS.Platform, string>> = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };
  const path = join(folder, names[process.platform] ?? 'electron');
  return existsSync(path) ? path : null;
}

const program = electronProgram();
const because = program === null ? ' (skipped: Electron’s program is not installed here)' : '';

describe.skipIf(program === null)(`the window under Electron${because}`, () => {
  const data = mkdtempSync(join(tmpdir(), 'logonet-electron-'));
  const options = {
    executablePath: program ?? '',
    args: [root, `--user-data-dir=${join(data, 'profile')}`, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
    env: { ...process.env, LOGONET_DATA: join(data, 'data'), LOGONET_NODE: ownNode } as Record<string, string>,
  };
  let app: ElectronApplication;
  let page: Page;

  beforeAll(async () => {
    execFileSync(ownNode, [join(root, 'scripts/buildElectron.mjs')], { cwd: root, stdio: 'inherit' });
    app = await _electron.launch(options);
    page = await app.firstWindow();
    await page.waitForSelector('html[data-ready=true]', { timeout: 60_000 });
  });
  afterAll(async () => {
    await app.close();
    rmSync(data, { recursive: true, force: true });
  });

  it('is hardened: no Node in the page, isolated, no way out', async () => {
    expect(
      await page.evaluate(() => ({
        node: 'process' in globalThis || 'require' in globalThis,
        opened: window.open('https://example.org') !== null,
      })),
    ).toEqual({ node: false, opened: false });
    expect(
      await app.evaluate(({ BrowserWindow }) => {
        // There, and left out of Electron's types.
        const contents = BrowserWindow.getAllWindows()[0]?.webContents as unknown as { getLastWebPreferences(): Record<string, unknown> };
        const { contextIsolation, sandbox, nodeIntegration, webSecurity } = contents.getLastWebPreferences();
        return { contextIsolation, sandbox, nodeIntegration, webSecurity };
      }),
    ).toEqual({ contextIsolation: true, sandbox: true, nodeIntegration: false, webSecurity: true });
    expect(new URL(page.url()).protocol).not.toBe('file:');
  });

  it('opens the demo project and a case, and paints a stroke that is saved', async () => {
    await page
      .getByRole('main')
      .getByRole('button', { name: /^Demo project/ })
      .first()
      .click();
    await page.getByRole('listbox', { name: 'Cases' }).getByRole('option').filter({ hasText: 'Phantom 04' }).dblclick({ timeout: 240_000 });
    await page.locator('.case h2').filter({ hasText: 'Phantom 04' }).waitFor({ timeout: 120_000 });
    await page.keyboard.press('b');
    const box = await page.locator('[data-orientation=axial]').boundingBox();
    if (box === null) throw new Error('no axial view');
    await dragAlong(page, [
      [box.x + 80, box.y + 80],
      [box.x + 110, box.y + 90],
    ]);
    await page.locator('[aria-label=History] .saved', { hasText: 'saved' }).waitFor({ timeout: 30_000 });
    expect(await page.title()).toBe('LoGoNet Studio');
  });

  it('comes back by itself after its page crashed, and says so', async () => {
    await app.evaluate(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer();
    });
    const back = await app.firstWindow();
    await back.getByText(/The window crashed and was reopened/).waitFor({ timeout: 60_000 });
  });
});
