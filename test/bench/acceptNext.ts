/**
 * Accept and open the next predicted case, by one key, in real Chromium through the web host.
 *   node test/bench/acceptNext.ts [--size 512x512x300] [--wait 15] [--cases 3]
 * "wall" is from the key to the next case's first slice; the present case is looked at for `wait` seconds before. What the next case costs
 * when nothing was read ahead is measured first, by opening it from the list.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import type { Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { listCases, openProject } from '#main/library/index.ts';
import { addFinishedRuns } from '../support/finishedRuns.ts';
import { installedBrowser, openBrowser } from '../support/browser.ts';
import { startStudio, writeLabelList } from '../support/studio.ts';
import { storePrediction } from '../support/storePrediction.ts';
import { scaledCase } from '../support/syntheticCase.ts';
import { launchWebHost } from '../support/webHost.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '512x512x300' },
    wait: { type: 'string', default: '15' },
    cases: { type: 'string', default: '3' },
  },
});
const size = values.size.split('x').map(Number) as unknown as Triple;
const executable = installedBrowser();
if (executable === null) {
  console.log('skipped: no Chromium-like browser is installed');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'logonet-next-'));

async function makeProject(): Promise<void> {
  const made = scaledCase(size, [360 / size[0], 360 / size[1], 400 / size[2]]);
  const { client, studio } = startStudio(folder);
  await client.projects.create({ path: join(folder, 'project'), name: 'Bench', labels: made.labels });
  for (const part of ['images', 'labels']) mkdirSync(join(folder, 'incoming', part), { recursive: true });
  writeLabelList(join(folder, 'incoming', 'labels'), made.labels);
  for (let n = 0; n < Number(values.cases); n++) {
    made.image.data[0] = n; // No two cases are the same.
    await writeVolume(join(folder, 'incoming', 'images', `case ${String(n)}.nii.gz`), made.image);
    // What is predicted is also what is to be corrected: a mask that lacks one of its labels would be asked about.
    await writeVolume(join(folder, 'incoming', 'labels', `case ${String(n)}.nii.gz`), made.prediction);
  }
  await client.library.import({ sources: [join(folder, 'incoming')], mode: 'reference', masksAre: 'toCorrect' });
  await studio.close();
  const library = openProject(join(folder, 'project'), { author: 'bench' });
  addFinishedRuns(library);
  for (const { id } of listCases(library.read).cases) await storePrediction(library, id, made);
  library.close();
}

/** Milliseconds from the key, or the double click, that opened a case to its first slice. */
async function firstSlice(page: Page, count: number): Promise<number> {
  const seconds = await page.waitForFunction(
    (wanted) => {
      const slices = performance.getEntriesByName('first-slice');
      const last = slices.at(-1);
      const asked = performance.getEntriesByName('asked').at(-1);
      return slices.length >= wanted && last !== undefined && asked !== undefined ? last.startTime + last.duration - asked.startTime : null;
    },
    count,
    { timeout: 600_000 },
  );
  return Number(await seconds.jsonValue());
}

async function measure(): Promise<void> {
  const host = await launchWebHost({
    rendererFolder: join(resolve(import.meta.dirname, '../..'), 'dist/renderer'),
    dataFolder: join(folder, 'data'),
  });
  const browser = await openBrowser(executable ?? '', { width: 1280, height: 720 });
  await browser.context.addInitScript(() => {
    addEventListener('keydown', (event) => event.key === 'A' && performance.mark('asked'), true);
    addEventListener('dblclick', () => performance.mark('asked'), true);
  });
  const { page } = browser;
  try {
    await page.goto(host.address);
    await page.waitForSelector('html[data-ready=true]');
    await page.getByRole('button', { name: /^Bench/ }).click();
    const rows = page.getByRole('listbox', { name: 'Cases' }).getByRole('option');
    await rows.first().dblclick();
    console.log(`${'opened from the list'.padEnd(40)} ${(await firstSlice(page, 1)).toFixed(0)} ms wall`);
    for (let n = 2; n <= Number(values.cases); n++) {
      await page.getByRole('checkbox', { name: 'Prediction' }).and(page.locator(':enabled')).waitFor({ timeout: 600_000 });
      const until = performance.now() + Number(values.wait) * 1000; // What the person takes to correct, and to look at every label.
      const seen = page.getByLabel('Messages').getByText('Every label of this mask was shown');
      await seen.waitFor({ state: 'hidden' }); // What was said of the case before.
      while ((await seen.count()) === 0) {
        await page.keyboard.press('Shift+L');
        await page.waitForTimeout(1000);
      }
      await page.waitForTimeout(Math.max(0, until - performance.now()));
      await page.keyboard.press('Shift+A');
      const asked = page.getByRole('dialog');
      asked.waitFor({ timeout: 5000 }).then(
        async () => console.log(`the window asks: ${await asked.innerText()}`),
        () => undefined,
      );
      console.log(`${`accepted, and the next (${String(n)}) opened`.padEnd(40)} ${(await firstSlice(page, n)).toFixed(0)} ms wall`);
    }
  } finally {
    await browser.close();
    await host.stop();
  }
}

console.log(`volumes ${values.size} with mask and prediction, ${cpus()[0]?.model ?? ''}, ${String(cpus().length)} cores`);
try {
  await makeProject();
  await measure();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
