import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../../support/browser.ts';
import { deskForTests } from '../driver.ts';
import { full } from './inputs.ts';
import { makePredictedProject, type PredictedProject } from './predictedProject.ts';
import { diceOf, readLabelFile, rowsOf } from './reader.ts';

const cases = full ? 30 : 8;

describe.skipIf(installedBrowser() === null)('a reading session, keyboard only', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  let made: PredictedProject;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-reading-'));
    made = await makePredictedProject(folder, {
      cases,
      labels: 12,
      size: full ? [160, 150, 120] : [48, 44, 32],
      spacing: [2, 2, 2.5],
    });
    await tests.desk.showProject(made.project);
    await tests.desk
      .caseRow(/./)
      .nth(cases - 1 > 5 ? 5 : cases - 1)
      .waitFor();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });
  const accepted = (): readonly string[] =>
    rowsOf<{ readonly name: string }>(made.project, "SELECT name FROM cases WHERE status = 'accepted' ORDER BY name").map(
      ({ name }) => name,
    );
  /** Runs a command by its name in the palette. */
  async function command(name: string): Promise<void> {
    const { page } = tests.desk;
    await page.keyboard.press('Control+k');
    await page.locator('dialog input:focus').waitFor();
    await page.keyboard.type(name);
    await page
      .getByRole('option', { name: new RegExp(`^${name}`) })
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor({ state: 'detached' });
  }

  /** Accepts by keys: what was not shown yet is looked at first. */
  async function acceptAndNext(name: string): Promise<void> {
    const { page } = tests.desk;
    const asked = page.getByRole('dialog').getByRole('button', { name: /^(Accept as|Show )/ });
    for (let turn = 0; turn < 6; turn++) {
      await page.keyboard.press('Shift+A');
      await expect.poll(async () => (await asked.count()) > 0 || accepted().includes(name)).toBe(true);
      if (accepted().includes(name)) return;
      await tests.desk.tabTo('button', /^(Accept as|Show )/);
      await page.keyboard.press('Enter');
      await page.locator('dialog').waitFor({ state: 'detached' });
      await tests.desk.settled();
      if (accepted().includes(name)) return;
    }
    throw new Error(`${name} cannot be accepted by keys.`);
  }

  it(`opens the first of ${String(cases)} predicted cases from the list`, async () => {
    const { page } = tests.desk;
    await page.keyboard.press('Alt+Digit2');
    await tests.desk.tabTo('listbox', 'Cases');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.case h2').waitFor();
  });

  it('takes each prediction, corrects it, accepts it, and has the next before it', async () => {
    const { page } = tests.desk;
    const seen = new Set<string>();
    // From the third case on none is: a driver may take longer to compile than to draw.
    await page.evaluate(() => {
      const { prototype } = WebGL2RenderingContext;
      const { compileShader } = prototype;
      prototype.compileShader = function (shader) {
        performance.mark('shader-compiled');
        compileShader.call(this, shader);
      };
    });
    const compiled = () => page.evaluate(() => performance.getEntriesByName('shader-compiled').length);
    let before = 0;
    for (let n = 1; n <= cases; n++) {
      await tests.desk.settled();
      if (n === 3) before = await compiled();
      const name = (await page.locator('.case h2').textContent()) ?? '';
      expect(seen.has(name)).toBe(false);
      seen.add(name);
      await page.getByRole('checkbox', { name: 'Prediction', checked: true }).waitFor();
      await command('Use the prediction');
      await tests.desk.historyIs(['Use the prediction']);
      await page.keyboard.press('Digit2');
      await command('Smooth');
      await tests.desk.toolIs('Smooth');
      await page.keyboard.press('Enter');
      await tests.desk.historyIs(['Use the prediction', 'Smooth: Spleen']);
      await acceptAndNext(name);
      if (n < cases) await page.locator('.case h2').filter({ hasNotText: name }).waitFor();
    }
    await tests.desk.told(/^Every case is accepted or excluded/);
    expect((await compiled()) - before).toBe(0);
  }, 1_800_000);

  it('exports them', async () => {
    const { page } = tests.desk;
    mkdirSync(join(folder, 'out'));
    await page.keyboard.press('Alt+Digit6');
    await tests.desk.tabTo('checkbox', /^Leave out names/);
    await page.keyboard.press('Space');
    await tests.desk.tabTo('textbox', /^Destination/, 'Shift+Tab');
    await page.keyboard.type(join(folder, 'out'));
    await page.locator('.workspace button.primary:enabled', { hasText: 'Export' }).waitFor(); // The host has said which formats there are.
    await tests.desk.tabTo('button', 'Export');
    await page.keyboard.press('Enter');
    await tests.desk.told(new RegExp(`^${String(cases)} of ${String(cases)} files written and verified`));
  });

  it('left what it showed: every mask is the prediction but for what was smoothed', async () => {
    const files = readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.nii.gz'));
    expect([files.length, accepted().length]).toEqual([cases, cases]);
    for (const [name, prediction] of made.predictions) {
      const { data } = readLabelFile(join(folder, 'out', files.find((file) => file.includes(name.replaceAll(' ', '_'))) ?? name));
      expect(diceOf(data, prediction.data, 1)).toBeGreaterThan(0.98);
      expect(diceOf(data, prediction.data, 2)).toBeGreaterThan(0.7);
    }
    const { clicks, keys } = await tests.desk.hands();
    expect(clicks).toBe(0);
    console.log(`A reading session: ${String(keys)} keys for ${String(cases)} cases, ${(keys / cases).toFixed(1)} each, 0 clicks.`);
    expect([tests.desk.errors, await tests.desk.failures()]).toEqual([[], []]);
  });
});
