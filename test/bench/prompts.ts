/**
 * How long a prompt takes on a large case, and a slice that goes on into the next one.
 *   node test/bench/prompts.ts [--size 512x512x300] [--rounds 3] [--window]
 * Without a window: what the prompts' worker does, on the wall's clock and as processor time, with prompts alone, with what accepted cases taught, and where
 * a prediction is given up. With one: from letting go of the button to the
 * frame that shows the proposal, in real Chromium through the web host (needs dist/renderer).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { applyAffine } from '#shared/geometry/affine.ts';
import type { LpsPoint, Triple } from '#shared/geometry/grid.ts';
import { acceptProposal, barredBy } from '#shared/prompts/accept.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { learnNow, LessonCases } from '#shared/prompts/learnLesson.ts';
import type { Lesson } from '#shared/prompts/lesson.ts';
import { proposalOfLabel, type PromptProposal } from '#shared/prompts/proposal.ts';
import { PromptMemory, proposeNow } from '#shared/prompts/propose.ts';
import { carryNow } from '#shared/prompts/carry.ts';
import { forEachCut, slicesOn, type SlicePlane } from '#shared/prompts/slab.ts';
import { alignedBasis } from '#shared/geometry/viewPlane.ts';
import { freePolicy } from '#shared/segmentation/index.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser, openBrowser } from '../support/browser.ts';
import { startStudio } from '../support/studio.ts';
import { scaledCase } from '../support/syntheticCase.ts';
import { launchWebHost } from '../support/webHost.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '512x512x300' },
    rounds: { type: 'string', default: '3' },
    window: { type: 'boolean', default: false },
  },
});
const size = values.size.split('x').map(Number) as unknown as Triple;
const spacing: Triple = [320 / size[0], 320 / size[1], 360 / size[2]];
/** Middles of the four structures, in fractions of the volume. */
const middles: readonly Triple[] = [
  [0.36, 0.45, 0.6],
  [0.7, 0.55, 0.62],
  [0.35, 0.66, 0.4],
  [0.66, 0.66, 0.4],
];

function report(name: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(0);
  console.log(`${name.padEnd(36)} median ${at(0.5)} ms, p95 ${at(0.95)} ms, n ${String(sorted.length)}`);
}

/** What small cases of the same structures teach of the first one. */
function taught(): Lesson | null {
  const { image, mask } = scaledCase([96, 96, 60], [320 / 96, 320 / 96, 6]);
  const cases = new LessonCases();
  cases.add(image, { grid: mask.grid, data: Uint8Array.from(mask.data, (value) => (value === 1 ? 1 : 0)) });
  return learnNow(cases);
}

/** `withWhat`: prompts alone, with a lesson, or with a prediction of all four structures that is wrong by 24 voxels. */
function measureWorker(withWhat: 'prompts' | 'lesson' | 'prediction'): void {
  const { image, mask } = scaledCase(size, spacing);
  const lesson = withWhat === 'lesson' ? taught() : null;
  const predicted = withWhat === 'prediction' ? proposalOfLabel({ grid: mask.grid, data: shifted(mask.data, 24) }, 1) : null;
  const of = { image, mask: { grid: mask.grid, data: new Uint8Array(mask.data.length) } };
  const pointAt = (fractions: Triple): LpsPoint =>
    applyAffine(image.grid.affine, fractions.map((f, axis) => f * (size[axis] as number)) as unknown as Triple);
  const wall: [number[], number[]] = [[], []];
  const used: [number[], number[]] = [[], []];
  // The first round is for the compiler: the window's worker has had it, too, once somebody has pointed at something.
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const [i, j, k] of middles) {
      const shift = round * 0.005;
      const memory = new PromptMemory();
      const prompts: Prompt[] = [];
      let before: PromptProposal | null = null;
      const clicks: readonly (readonly [Triple, boolean])[] = [
        [[i + shift, j, k], true],
        [[i, j + 0.09, k], true],
        [[i, j + 0.12, k + shift], false],
      ];
      for (const [place, positive] of clicks) {
        prompts.push({ kind: 'click', positive, point: pointAt(place) });
        const cpu = process.cpuUsage();
        const begun = performance.now();
        before = proposeNow(of, { prompts, before, barred: barredBy(freePolicy, 1), predicted, lesson }, memory) ?? before;
        if (round === 0) continue;
        const { user, system } = process.cpuUsage(cpu);
        const kind = prompts.length === 1 ? 0 : 1;
        wall[kind].push(performance.now() - begun);
        used[kind].push((user + system) / 1000);
      }
    }
  for (const [kind, what] of ['first proposal', 'refinement'].entries()) {
    const name = withWhat === 'prompts' ? what : `${what}, ${withWhat}`;
    report(`${name}, wall`, wall[kind as 0]);
    report(`${name}, processor`, used[kind as 0]);
  }
}

const shifted = (data: Uint8Array, by: number): Uint8Array => {
  const out = new Uint8Array(data.length);
  out.set(data.subarray(0, data.length - by), by);
  return out.map((value) => (value === 0 ? 0 : 1));
};

/** From the largest structure's middle slice, upwards. */
function measureSlices(): void {
  const { image, mask: truth } = scaledCase(size, spacing);
  const mask = { grid: truth.grid, data: new Uint8Array(truth.data.length) };
  const [middle] = middles as [Triple];
  let plane: SlicePlane = {
    ...alignedBasis(image.grid.affine, 'axial'),
    center: applyAffine(image.grid.affine, middle.map((f, axis) => Math.round(f * (size[axis] as number))) as unknown as Triple),
  };
  forEachCut(image.grid, plane, (at) => {
    if (truth.data[at] === 1) mask.data[at] = 1;
  });
  const times: number[] = [];
  for (let n = 0; n < 24; n++) {
    const begun = performance.now();
    const carried = carryNow({ image, mask }, { plane, direction: 1, label: 1, inner: [], barred: barredBy(freePolicy, 1) });
    if (n > 3) times.push(performance.now() - begun);
    if (carried.kind !== 'found') break;
    acceptProposal({ volume: mask, policy: freePolicy }, carried.proposal, carried.base, 1);
    plane = slicesOn(image.grid, plane, 1);
  }
  report('next slice, wall', times);
}

async function measureWindow(): Promise<void> {
  const executable = installedBrowser();
  if (executable === null) {
    console.log('skipped: no Chromium-like browser is installed');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'logonet-prompts-'));
  try {
    const made = scaledCase(size, spacing);
    const studio = startStudio(folder);
    await studio.client.projects.create({ path: join(folder, 'project'), name: 'Bench', labels: made.labels });
    mkdirSync(join(folder, 'incoming'));
    await writeVolume(join(folder, 'incoming', 'large.nii'), made.image);
    await studio.client.library.import({ sources: [join(folder, 'incoming')], mode: 'reference' });
    await studio.studio.close();
    const host = await launchWebHost({
      rendererFolder: resolve(import.meta.dirname, '../../dist/renderer'),
      dataFolder: join(folder, 'data'),
    });
    const { page, close } = await openBrowser(executable, { width: 1280, height: 720 });
    try {
      await page.goto(host.address);
      await page.waitForSelector('html[data-ready=true]', { timeout: 120_000 });
      await page.getByRole('button', { name: /^Bench/ }).click();
      await page.getByRole('listbox', { name: 'Cases' }).getByRole('option').first().dblclick();
      await page.waitForFunction(() => performance.getEntriesByName('first-slice').length > 0, undefined, { timeout: 300_000 });
      await page.keyboard.press('a');
      await page.waitForTimeout(5000);
      await page.evaluate(() => {
        addEventListener('pointerup', () => performance.mark('let-go'), { capture: true });
      });
      const box = await page.locator('[data-orientation=axial]').boundingBox();
      if (box === null) throw new Error('no axial view');
      const times: [number[], number[]] = [[], []];
      for (let round = 0; round <= Number(values.rounds); round++) {
        const offsets = [
          [0.36, 0.45],
          [0.36, 0.54],
          [0.38, 0.42],
        ] as const;
        for (const [n, [x, y]] of offsets.entries()) {
          await page.evaluate(() => {
            performance.clearMarks('prompt-drawn');
            performance.clearMarks('let-go');
          });
          await page.mouse.click(box.x + x * box.width + round, box.y + y * box.height);
          await page.waitForFunction(() => performance.getEntriesByName('prompt-drawn').length > 0, undefined, { timeout: 120_000 });
          const took = await page.evaluate(
            () =>
              (performance.getEntriesByName('prompt-drawn')[0]?.startTime ?? 0) -
              (performance.getEntriesByName('let-go')[0]?.startTime ?? 0),
          );
          if (round > 0) times[n === 0 ? 0 : 1].push(took);
        }
        await page.keyboard.press('Escape');
      }
      const slices: number[] = [];
      await page.keyboard.press('Digit1');
      await page.keyboard.press('l');
      await page.mouse.move(box.x + 0.46 * box.width, box.y + 0.45 * box.height);
      await page.mouse.down();
      for (let n = 1; n <= 32; n++) {
        const [x, y] = [0.36 + 0.1 * Math.cos((n / 16) * Math.PI), 0.45 + 0.15 * Math.sin((n / 16) * Math.PI)];
        await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
      }
      await page.mouse.up();
      await page.evaluate(() => {
        addEventListener('keydown', () => performance.mark('pressed'), { capture: true });
      });
      for (let n = 0; n < 24; n++) {
        await page.evaluate(() => {
          performance.clearMarks('prompt-drawn');
          performance.clearMarks('pressed');
        });
        await page.keyboard.press('Shift+ArrowUp');
        // Taking it is drawn first, where one was proposed.
        await page.getByRole('group', { name: 'Proposed slice' }).getByText('voxels proposed').waitFor({ timeout: 120_000 });
        await page.waitForTimeout(300);
        const took = await page.evaluate(
          () =>
            (performance.getEntriesByName('prompt-drawn').at(-1)?.startTime ?? 0) -
            (performance.getEntriesByName('pressed').at(-1)?.startTime ?? 0),
        );
        if (n > 3) slices.push(took);
      }
      report('first proposal, to the frame', times[0]);
      report('refinement, to the frame', times[1]);
      report('next slice, to the frame', slices);
    } finally {
      await close();
      await host.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

if (values.window) await measureWindow();
else {
  for (const withWhat of ['prompts', 'lesson', 'prediction'] as const) measureWorker(withWhat);
  measureSlices();
}
