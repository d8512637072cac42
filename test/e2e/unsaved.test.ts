import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { ijkToLps } from '#shared/geometry/affine.ts';
import type { IjkPoint } from '#shared/geometry/grid.ts';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { startStudio, testLabels, writePairs } from '../support/studio.ts';
import { fillDisk, withSmallDisk } from '../trust/smallDisk.ts';
import { deskForTests, type Desk } from './driver.ts';

interface Scene {
  readonly desk: Desk;
  readonly filler: string;
  /** Shows the project; its one case is `case0`. */
  readonly openProject: () => Promise<void>;
  readonly stroke: (at: number) => Promise<void>;
}

/** A window on a project that lies on a disk of 8 MB. */
async function onSmallDisk(desk: Desk, work: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'logonet-unsaved-'));
  const disk = join(folder, 'disk');
  const filler = join(disk, 'filler');
  const done = await withSmallDisk(disk, async () => {
    const studio = startStudio(join(folder, 'studio'));
    await studio.client.projects.create({ path: join(disk, 'project'), name: 'Unsaved', labels: testLabels });
    await writePairs(join(folder, 'incoming'), 1, 0, [64, 64, 24]);
    await studio.client.library.import({ sources: [join(folder, 'incoming')], mode: 'reference' });
    await studio.studio.close();
    const openProject = async (): Promise<void> => {
      await desk.showProject(join(disk, 'project'));
    };
    const stroke = (at: number): Promise<void> =>
      desk.drag('axial', [
        [0.35, at],
        [0.6, at + 0.05],
      ]);
    await work({ desk, filler, openProject, stroke });
    expect(desk.errors).toEqual([]);
    const { client, socket } = await desk.client();
    await client.projects.close();
    socket.close();
    return true;
  });
  if (done === null) console.log('skipped: no small disk can be mounted here');
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
}

describe.skipIf(installedBrowser() === null)('while the disk is full', () => {
  const tests = deskForTests();

  it('a bar says so, strokes outlive a reload, and come back once there is room', async () => {
    await onSmallDisk(tests.desk, async ({ desk, filler, openProject, stroke }) => {
      const unsaved = () => desk.page.getByLabel('Unsaved', { exact: true });
      const left = () => desk.page.getByLabel('Left unsaved');
      await openProject();
      await desk.openCase('case0');
      await desk.page.keyboard.press('b');
      await stroke(0.4);
      await desk.saved();
      fillDisk(filler);
      for (let n = 0; n < 5; n++) await stroke(0.3 + n * 0.08);
      await unsaved()
        .getByText(/not saved since .* The disk is full/)
        .waitFor();
      await desk.screenshot('unsaved-720p');
      const told = /^(\d+ changes?) not saved/.exec((await unsaved().locator('p').textContent())?.trim() ?? '')?.[1] ?? '';
      expect(await desk.page.getByRole('region', { name: 'History' }).locator('.saved').textContent()).toBe(`saving ${told}`);
      expect(await unsaved().textContent()).toContain(told === '1 change' ? 'It is kept here' : 'They are kept here');
      expect(await desk.findings()).toEqual([]);
      // Leaving the case asks; staying keeps it.
      await desk.go('cases');
      await desk.page.keyboard.press('Control+k');
      await desk.page.keyboard.type('Close the project');
      await desk.page.keyboard.press('Enter');
      await desk.page.getByRole('dialog', { name: 'Leave with unsaved changes?' }).getByRole('button', { name: 'Stay' }).click();
      await desk.go('correct');
      await desk.historyIs(Array.from({ length: 6 }, () => 'Brush: Liver'));

      // The page asks before it goes, too.
      const asked = new Promise<string>((resolve) => {
        desk.page.once('dialog', (dialog) => {
          resolve(dialog.type());
          void dialog.accept();
        });
      });
      await desk.page.reload();
      expect(await asked).toBe('beforeunload');
      await desk.ready();
      await left()
        .getByText(/Not saved: \d+ changes? of “case0”/)
        .waitFor();

      expect(await desk.findings()).toEqual([]);
      rmSync(filler);
      await left().getByRole('button', { name: 'Open the case' }).click();
      await desk.caseIsOpen('case0');
      await desk.historyIs(Array.from({ length: 6 }, () => 'Brush: Liver'));
      await desk.saved();
      await left().waitFor({ state: 'detached' });
    });
  });

  it('strokes are saved elsewhere, left, and discarded by hand', async () => {
    await onSmallDisk(tests.desk, async ({ desk, filler, openProject, stroke }) => {
      const { page } = desk;
      const leave = page.getByRole('dialog', { name: 'Leave with unsaved changes?' });
      const closeProject = async (): Promise<void> => {
        await page.keyboard.press('Control+k');
        await page.keyboard.type('Close the project');
        await page.keyboard.press('Enter');
        await leave.waitFor();
      };
      await openProject();
      await desk.openCase('case0');
      await page.keyboard.press('b');
      fillDisk(filler);
      for (let n = 0; n < 5; n++) await stroke(0.3 + n * 0.08);
      const unsaved = page.getByLabel('Unsaved', { exact: true });
      await unsaved.getByText(/The disk is full/).waitFor();
      expect(await desk.savedBy(unsaved.getByRole('button', { name: 'Save my strokes elsewhere' }))).toMatch(/\.strokes$/);
      await closeProject();
      expect(await desk.savedBy(leave.getByRole('button', { name: 'Save my strokes elsewhere' }))).toMatch(/\.strokes$/);
      await leave.getByRole('button', { name: 'Close' }).click();
      await leave.waitFor({ state: 'detached' });
      await desk.historyIs(Array.from({ length: 5 }, () => 'Brush: Liver')); // The person has stayed.
      await closeProject();
      await leave.getByRole('button', { name: 'Leave' }).click();
      await page.locator('[data-workspace=start][aria-current=page]').waitFor();
      const left = page.getByLabel('Left unsaved');
      expect(await desk.savedBy(left.getByRole('button', { name: 'Save elsewhere' }))).toMatch(/\.strokes$/);
      await left.getByRole('button', { name: 'Discard' }).click();
      await left.waitFor({ state: 'detached' });
      rmSync(filler);
      await openProject();
      await desk.openCase('case0');
      expect((await desk.history()).length).toBeLessThan(5);
      expect(await left.count()).toBe(0);
    });
  });

  it('strokes that no longer fit are a layer over the case, and become a step of it', async () => {
    await onSmallDisk(tests.desk, async ({ desk, filler, openProject, stroke }) => {
      await openProject();
      await desk.openCase('case0');
      await desk.page.keyboard.press('b');
      fillDisk(filler);
      for (let n = 0; n < 5; n++) await stroke(0.3 + n * 0.08);
      await desk.page.getByText(/not saved since .* The disk is full/).waitFor();
      // Another browser's window takes the case over, and draws once there is room.
      const { client, socket } = await desk.client();
      const caseId = (await client.library.list({})).cases[0]?.id ?? '';
      const { session, mask, history } = await client.document.open({ caseId });
      rmSync(filler);
      const records: Uint8Array[] = [];
      const document = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
      document.push(
        'Elsewhere',
        paint(
          { volume: document.volume, policy: freePolicy },
          { kind: 'ball', centre: ijkToLps(document.volume.grid, [32, 32, 12] as unknown as IjkPoint), radius: 4 },
          2,
        ),
      );
      await client.document.append({ caseId, session, sequence: 0, records });
      await client.document.close({ caseId, session });
      socket.close();

      const left = desk.page.getByLabel('Left unsaved');
      await left.getByRole('button', { name: 'Open the case' }).click();
      await desk.caseIsOpen('case0');
      await left.getByText(/no longer fit/).waitFor();
      // Before it, what of the strokes was saved before the disk was full to the last byte.
      await expect.poll(async () => (await desk.history()).at(-1)).toBe('Elsewhere');
      const layer = desk.page.getByRole('checkbox', { name: 'Unsaved strokes' });
      await desk.drawn('axial');
      const withLayer = await desk.picture('axial');
      await desk.screenshot('unsaved-layer');
      expect(await desk.findings()).toEqual([]);
      const outline = desk.page.getByRole('button', { name: 'Outline of Unsaved strokes' });
      await outline.click();
      await expect.poll(() => desk.picture('axial')).not.toBe(withLayer);
      await desk.proved(outline, 'picture');
      await outline.click();
      await expect.poll(() => desk.picture('axial')).toBe(withLayer);
      await layer.click();
      await expect.poll(() => desk.picture('axial')).not.toBe(withLayer);
      await left.getByRole('button', { name: 'Take over as one step' }).click();
      await left.waitFor({ state: 'detached' });
      await desk.saved();
      expect((await desk.history()).slice(-2).map((name) => name.replace(/ of .*/, ''))).toEqual(['Elsewhere', 'Strokes']);
      expect(await layer.count()).toBe(0);
    });
  });
});
