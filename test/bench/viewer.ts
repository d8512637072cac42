/**
 * The window on a large case, in real Chromium through the web host: start, first slice, dabs, scrolling, tools, the case filter.
 *   node test/bench/viewer.ts [--size 512x512x600] [--cases 5000] [--dabs 60] [--images 2] [--beside loops|training]
 * "script" is processor time of the window's main thread inside JavaScript, from Chromium's trace: neither the software rasteriser nor
 * whatever else the machine does counts. "main thread" adds style, layout and painting. "wall" is the clock.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, cpus, setPriority, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { CDPSession, Page } from 'playwright-core';
import type { Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { addCase, addImage, openProject } from '#main/library/index.ts';
import { startStudio, writeLabelList, type TestStudio } from '../support/studio.ts';
import { installedBrowser, openBrowser } from '../support/browser.ts';
import { writePhantoms } from '../support/commandLine.ts';
import { scaledCase } from '../support/syntheticCase.ts';
import { launchWebHost } from '../support/webHost.ts';
import { costsOf, type Cost, type UploadCount } from './viewerCosts.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '512x512x600' },
    cases: { type: 'string', default: '5000' },
    dabs: { type: 'string', default: '60' },
    images: { type: 'string', default: '1' },
    beside: { type: 'string' },
  },
});
const size = values.size.split('x').map(Number) as unknown as Triple;
const root = resolve(import.meta.dirname, '../..');
const executable = installedBrowser();
if (executable === null) {
  console.log('skipped: no Chromium-like browser is installed');
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), 'logonet-viewer-'));
const dataFolder = join(folder, 'data');
const print = (name: string, text: string): void => {
  console.log(`${name.padEnd(40)} ${text}`);
};
const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;

/** A project with the large case and rows of further ones, as the services make it. */
async function makeProject(): Promise<void> {
  const made = scaledCase(size, [320 / size[0], 320 / size[1], 360 / size[2]]);
  const studio: TestStudio = startStudio(folder);
  await studio.client.projects.create({ path: join(folder, 'project'), name: 'Bench', labels: made.labels });
  for (const part of ['images', 'labels']) mkdirSync(join(folder, 'incoming', part), { recursive: true });
  const names = Array.from({ length: Number(values.images) }, (_, n) => `large_${String(n).padStart(4, '0')}.nii`);
  for (const name of names.length === 1 ? ['large.nii'] : names) await writeVolume(join(folder, 'incoming/images', name), made.image);
  await writeVolume(join(folder, 'incoming/labels/large.nii'), made.mask);
  writeLabelList(join(folder, 'incoming', 'labels'), made.labels);
  const { added, skipped } = await studio.client.library.import({ sources: [join(folder, 'incoming')], mode: 'reference' });
  if (added.length !== 1) throw new Error(JSON.stringify(skipped));
  await studio.studio.close();
  const project = openProject(join(folder, 'project'), { author: 'bench' });
  project.write.transaction(() => {
    for (let n = 0; n < Number(values.cases); n++) {
      const caseId = addCase(project.write, {
        name: `Patient ${String(n).padStart(5, '0')}`,
        notes: n % 7 === 0 ? 'motion artefact' : '',
        heldOut: n % 20 === 0,
      });
      addImage(project.write, {
        caseId,
        contentHash: `hash ${String(n)}`,
        storedHash: null,
        fileStates: null,
        storage: 'copy',
        paths: [`images/${String(n)}.nii.gz`],
        format: 'nifti1',
        modality: 'CT',
        grid: made.image.grid,
      });
    }
  });
  project.close();
}

function report(name: string, costs: readonly Cost[]): void {
  const at = (key: keyof Cost, share: number): number =>
    costs.map((cost) => cost[key]).toSorted((a, b) => a - b)[Math.min(costs.length - 1, Math.floor(share * costs.length))] ?? 0;
  print(
    name,
    `script median ${milliseconds(at('script', 0.5))} p95 ${milliseconds(at('script', 0.95))}, main thread p95 ${milliseconds(at('main', 0.95))}, wall median ${milliseconds(at('wall', 0.5))}, to the GPU p95 ${String(at('bytes', 0.95))} bytes`,
  );
}

async function measure(): Promise<void> {
  const chosen = await openBrowser(executable ?? '', { width: 1280, height: 720 });
  await chosen.context.addInitScript(() => {
    const count = window as unknown as UploadCount;
    count.uploaded = 0;
    const original = WebGL2RenderingContext.prototype.texSubImage3D;
    WebGL2RenderingContext.prototype.texSubImage3D = function (this: WebGL2RenderingContext, ...given: unknown[]) {
      const source = given.at(-1);
      if (ArrayBuffer.isView(source)) count.uploaded += source.byteLength;
      (original as (...all: unknown[]) => void).apply(this, given);
    } as typeof original;
  });
  const { page } = chosen;
  const session = await chosen.context.newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  try {
    for (const run of ['cold', 'warm']) {
      const started = performance.now();
      const host = await launchWebHost({ rendererFolder: join(root, 'dist/renderer'), dataFolder });
      const listening = performance.now();
      await page.goto(host.address);
      await page.waitForSelector('html[data-ready=true]', { timeout: 120_000 });
      print(
        `start to usable window, ${run}`,
        `${milliseconds(performance.now() - started)} wall, of it ${milliseconds(listening - started)} until the host listens; script ${milliseconds(await scriptSoFar(session))}`,
      );
      if (run === 'warm') await useWindow(page, session).finally(() => host.stop());
      else await host.stop();
    }
  } finally {
    await chosen.close();
  }
}

async function scriptSoFar(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return (metrics.find(({ name }) => name === 'ScriptDuration')?.value ?? 0) * 1000;
}

async function useWindow(page: Page, session: CDPSession): Promise<void> {
  await page.getByRole('button', { name: /^Bench/ }).click();
  const search = page.getByRole('searchbox', { name: 'Search cases and notes' });
  await search.waitFor({ timeout: 60_000 });
  const rows = page.getByRole('listbox', { name: 'Cases' }).getByRole('option');
  await rows.first().waitFor();
  report(
    `filter ${values.cases} cases by text`,
    await costsOf(page, session, 20, 2, async (n) => {
      const wanted = `Patient ${String((n * 37) % Number(values.cases)).padStart(5, '0')}`;
      await search.fill(wanted);
      await rows.filter({ hasText: wanted }).first().waitFor();
    }),
  );
  await search.fill('large');
  await rows.filter({ hasText: 'large' }).first().dblclick();
  await page.waitForFunction(() => performance.getEntriesByName('first-slice').length > 0, undefined, { timeout: 600_000 });
  const before = await scriptSoFar(session);
  print(
    'first slice after the bytes are read',
    milliseconds(await page.evaluate(() => performance.getEntriesByName('first-slice')[0]?.duration ?? 0)),
  );
  const expected = size[0] * size[1] * size[2] * 2;
  const began = performance.now();
  await page.waitForFunction((bytes) => (window as unknown as UploadCount).uploaded >= bytes, expected, { timeout: 600_000 });
  print(
    '  whole volume on the GPU after it',
    `${milliseconds(performance.now() - began)} wall, script ${milliseconds((await scriptSoFar(session)) - before)}`,
  );
  // Whatever goes on in the background after opening is over before anything is measured.
  await page
    .getByRole('button', { name: /go to Liver$/ })
    .filter({ hasText: /ml/ })
    .waitFor({ timeout: 600_000 });
  if (Number(values.images) > 1)
    await page.waitForFunction(() => performance.getEntriesByName('images-read').length > 0, undefined, { timeout: 600_000 });
  await page.getByText(/^surfaces \d/).waitFor({ state: 'hidden', timeout: 600_000 });
  for (let seen = -1, now = 0; now !== seen;) {
    seen = now;
    await page.waitForTimeout(3000);
    now = await page.evaluate(() => (window as unknown as UploadCount).uploaded);
  }

  const box = await page.locator('[data-orientation=axial]').boundingBox();
  if (box === null) throw new Error('no axial view');
  const middle = [box.x + box.width / 2, box.y + box.height / 2] as const;
  const dabs = async (shape: string): Promise<readonly Cost[]> => {
    await page.keyboard.press('b');
    await page.getByRole('radio', { name: shape }).click();
    await page.mouse.move(...middle);
    await page.mouse.down();
    // Six pixels a move, about what a quick hand makes between two frames.
    const costs = await costsOf(page, session, Number(values.dabs), 5, (n) =>
      page.mouse.move(middle[0] + 40 * Math.sin(n * 0.15), middle[1] + 40 * Math.cos(n * 0.15)),
    );
    await page.mouse.up();
    return costs;
  };
  report('a stretch of a stroke, disc of 6 mm', await dabs('2D disc'));
  report('a stretch of a stroke, ball of 6 mm', await dabs('3D ball'));
  report('scroll by one slice', await costsOf(page, session, 40, 3, (n) => page.mouse.wheel(0, n % 20 < 10 ? 100 : -100)));
  const keys = ['l', 'e', 'r', 's', 'b'];
  report('switch the tool', await costsOf(page, session, 20, 0, (n) => page.keyboard.press(keys[n % keys.length] ?? 'b')));
}

/** `logonet train` on generated phantoms, for longer than this takes; resolves once it has made optimiser steps. */
async function startTraining(within: string): Promise<ChildProcess> {
  const { images, labels } = await writePhantoms(join(within, 'phantoms'), [1, 2, 3, 4, 5, 6], 2.5);
  const child = spawn(
    process.execPath,
    [
      join(root, 'src-main/cli/main.ts'),
      'train',
      '--images',
      images,
      '--labels',
      labels,
      '--out',
      join(within, 'model'),
      '--minutes',
      '60',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await new Promise<void>((started, failed) => {
    let said = '';
    child.stderr.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-4000);
      if (/step [1-9]\d*/.test(said)) started();
    });
    child.once('exit', () => {
      failed(new Error(`the training ended: ${said}`));
    });
  });
  return child;
}

console.log(
  `volume ${values.size}, window 1280×720 with three linked views and the 3D view, ${cpus()[0]?.model ?? ''}, ${String(cpus().length)} cores`,
);
const beside: ChildProcess[] = [];
try {
  await makeProject();
  if (values.beside === 'loops') beside.push(...cpus().map(() => spawn(process.execPath, ['-e', 'for (;;) ;'])));
  if (values.beside === 'training') beside.push(await startTraining(folder));
  // What the compute process gives itself, so that the window goes first.
  for (const { pid = 0 } of beside) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  await measure();
  const ended = beside.find(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
  if (ended !== undefined) throw new Error('what was to run beside the window ended before it');
} finally {
  for (const child of beside) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
