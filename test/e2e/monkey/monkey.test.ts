import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../../support/browser.ts';
import { makeHandProject } from '../../support/handProject.ts';
import { rowsOf } from '../days/reader.ts';
import { results } from '../desk/openWindow.ts';
import { deskForTests, type Desk } from '../driver.ts';
import { runMonkey } from './monkey.ts';

/** `npm test` has two minutes for three of them; `npm run monkey` has as long as they take. */
const [from, seeds, gestures] = (['MONKEY_FROM', 'MONKEY_SEEDS', 'MONKEY_GESTURES'] as const).map((name, at) =>
  Number(process.env[name] ?? [1, 3, 400][at]),
) as [number, number, number];
const seconds = process.env['MONKEY_FROM'] === undefined ? 40 : Infinity;
const passes = join(results, 'monkey');

describe.skipIf(installedBrowser() === null)('a monkey', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-monkey-'));
    mkdirSync(passes, { recursive: true });
    await makeHandProject(folder);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  // Each begins with a window that remembers nothing, so that its gestures can be made again without those of the seeds before.
  describe.each(Array.from({ length: seeds }, (_, index) => from + index))('of seed %i', (seed) => {
    afterAll(() => {
      rmSync(join(folder, String(seed)), { recursive: true, force: true, maxRetries: 20 });
    });
    const tests = deskForTests({ look: { width: 1100, height: 640 } });

    it(`breaks nothing in up to ${String(gestures)} gestures`, { timeout: 3_600_000 }, async () => {
      const { desk } = tests;
      desk.page.on('dialog', (dialog) => void dialog.accept().catch(() => undefined));
      const projects = ['another', 'project'].map((name) => join(folder, String(seed), name));
      const open = async (): Promise<void> => {
        await desk.showProject(projects.at(-1) ?? '');
      };
      for (const project of projects) {
        cpSync(join(folder, 'project'), project, { recursive: true });
        await desk.showProject(project); // Both are among those that were opened last, and the last one is open.
      }
      await desk.caseRow(/./).first().waitFor();
      const log: string[] = [];
      desk.errors.length = 0;
      try {
        const made = await runMonkey(desk, { seed, gestures, seconds, reopen: open, log: (gesture) => log.push(gesture) });
        console.log(`Monkey ${String(seed)}: ${String(made)} gestures.`);
        await nothingLost(desk);
        for (const project of projects) {
          expect(rowsOf(project, 'SELECT name FROM cases')).toHaveLength(3);
          expect(rowsOf(project, 'PRAGMA integrity_check')).toMatchObject([{ integrity_check: 'ok' }]);
        }
        appendFileSync(join(passes, 'passed.txt'), `${String(seed)} ${String(made)}\n`);
      } catch (error) {
        writeFileSync(
          join(passes, `${String(seed)}.txt`),
          `${error instanceof Error ? (error.stack ?? '') : String(error)}\n\n${log.join('\n')}\n`,
        );
        throw error;
      }
    });
  });
});

/** What the window shows as saved when the hand rests is what a fresh window shows of the same project, whichever the hand had opened. */
async function nothingLost(desk: Desk): Promise<void> {
  const { page } = desk;
  await desk.release();
  await desk.go('correct');
  const panel = page.getByRole('region', { name: 'History' });
  await panel
    .or(page.getByRole('heading', { name: 'No case is open' }))
    .first()
    .waitFor();
  if ((await panel.count()) === 0) {
    await desk.openCase('patient 01');
    await panel.waitFor();
  }
  const name = (await page.locator('.case h2').textContent()) ?? '';
  await desk.saved();
  const [steps, undone] = [await desk.history(), await panel.locator('li.undone').count()];
  await desk.showProject(await desk.projectPath());
  await desk.returnTo(name);
  await desk.historyIs(steps);
  expect(await panel.locator('li.undone').count()).toBe(undone);
  expect({ errors: desk.errors, failures: await desk.failures() }).toEqual({ errors: [], failures: [] });
}
