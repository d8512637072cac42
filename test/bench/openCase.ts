/**
 * How soon a case of several images is there, in real Chromium through the web host: from the double click in the list to the first slice of the leading
 * image, and to the last of its images. Each opening is by a host of its own, so that nothing is held decoded; the files are in the system's cache.
 *   node test/bench/openCase.ts --set FOLDER [--rounds 5]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startStudio } from '../support/studio.ts';
import { installedBrowser, openBrowser } from '../support/browser.ts';
import { launchWebHost } from '../support/webHost.ts';

const { values } = parseArgs({ options: { set: { type: 'string' }, rounds: { type: 'string', default: '5' } } });
const executable = installedBrowser();
if (executable === null || values.set === undefined) {
  console.log(executable === null ? 'skipped: no Chromium-like browser is installed' : 'Say which data set: --set FOLDER.');
  process.exit(executable === null ? 0 : 2);
}
const folder = mkdtempSync(join(tmpdir(), 'logonet-openCase-'));
const root = resolve(import.meta.dirname, '../..');
try {
  const studio = startStudio(folder);
  await studio.client.projects.create({ path: join(folder, 'project'), name: 'Bench', labels: [] });
  const { planned, labels } = await plan(resolve(values.set));
  await studio.client.library.import({ sources: [resolve(values.set)], mode: 'reference', plan: planned, labels });
  const { cases } = await studio.client.library.list({ sort: 'name' });
  await studio.studio.close();
  const browser = await openBrowser(executable, { width: 1280, height: 720 });
  const { page } = browser;
  const first: number[] = [];
  const all: number[] = [];
  try {
    for (let round = 0; round <= Number(values.rounds); round++) {
      const { name = '', size = [] } = cases[round % cases.length] ?? {};
      const host = await launchWebHost({ rendererFolder: join(root, 'dist/renderer'), dataFolder: join(folder, 'data') });
      await page.goto(host.address);
      await page.waitForSelector('html[data-ready=true]', { timeout: 120_000 });
      await page.getByRole('button', { name: /^Bench/ }).click();
      const row = page.getByRole('listbox', { name: 'Cases' }).getByRole('option').filter({ hasText: name }).first();
      await row.waitFor({ timeout: 120_000 });
      await page.waitForTimeout(1000);
      const began = await page.evaluate(() => performance.now());
      await row.dblclick();
      await page.waitForFunction(() => performance.getEntriesByName('first-slice').length > 0, undefined, {
        timeout: 600_000,
        polling: 10,
      });
      const slice = (await page.evaluate(() => performance.now())) - began;
      await page.waitForFunction(() => performance.getEntriesByName('images-read').length > 0, undefined, {
        timeout: 600_000,
        polling: 10,
      });
      const every = (await page.evaluate(() => performance.now())) - began;
      console.log(
        `${round === 0 ? 'cold' : 'warm'} ${name} (${size.join('×')}): first slice ${slice.toFixed(0)} ms, all images ${every.toFixed(0)} ms; load ${(loadavg()[0] ?? 0).toFixed(1)} on ${String(cpus().length)} cores`,
      );
      if (round > 0) {
        first.push(slice);
        all.push(every);
      }
      await host.stop();
    }
  } finally {
    await browser.close();
  }
  const median = (times: readonly number[]): string => ([...times].sort((a, b) => a - b)[times.length >> 1] ?? NaN).toFixed(0);
  console.log(`median of ${String(first.length)} warm: first slice ${median(first)} ms, all images ${median(all)} ms`);

  /** Masks without names are called by their numbers. */
  async function plan(source: string) {
    const found = await studio.client.library.planImport({ sources: [source] });
    return {
      planned: found.plan,
      labels: found.labels.map(({ key, name, values: [value] }) => ({ key, target: name ?? `Label ${String(value)}` })),
    };
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
}
