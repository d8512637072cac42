/**
 * The pictures of docs/getting-started, of the demo's generated phantoms. `npm run pictures` writes them; every other run walks the same way and compares
 * what the window offers with what it offered when they were taken: a picture that shows another window fails here.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { deskForTests } from './driver.ts';

const docs = resolve(import.meta.dirname, '../../docs/getting-started/pictures');
const writes = process.env['LOGONET_PICTURES'] === 'docs';
const folder = writes ? docs : resolve(import.meta.dirname, '../../test-results/pictures');

describe.skipIf(installedBrowser() === null)('the pictures of the docs', () => {
  const tests = deskForTests();

  it('show the window as it is', { timeout: 1_800_000 }, async () => {
    const { desk } = tests;
    const shown: string[] = [];
    mkdirSync(folder, { recursive: true });
    const take = async (name: string): Promise<void> => {
      const { page } = desk;
      await page.locator('[aria-label=Messages] p').first().waitFor({ state: 'detached' });
      const session = await page.context().newCDPSession(page);
      const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 55 });
      writeFileSync(join(folder, `${name}.webp`), Buffer.from(data, 'base64'));
      const texts = (await page.locator('button:visible, h1:visible, h2:visible, h3:visible').allInnerTexts()).map((text) =>
        text.trim().replace(/\s+/g, ' '),
      );
      // Numbers are of this computer: times, speeds, volumes.
      shown.push(`${name}: ${[...new Set(texts)].filter((text) => text !== '' && !/\d/.test(text)).join(', ')}`);
    };
    await desk.openDemo();
    await take('cases');
    await desk.openCase('Phantom 01');
    await desk.page.getByText('Surfaces appear here').waitFor({ state: 'hidden' });
    await desk.page.getByText(/^surfaces \d/).waitFor({ state: 'hidden' });
    await take('correct');
    await desk.go('train');
    await desk.page.getByRole('button', { name: 'Improve', exact: true }).and(desk.page.locator(':enabled')).waitFor();
    await take('train');
    const list = join(docs, 'shown.txt');
    if (writes) writeFileSync(list, `${shown.join('\n')}\n`);
    await expect(`${shown.join('\n')}\n`, 'the window has changed: npm run pictures').toMatchFileSnapshot(list);
  });
});
