import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../../support/browser.ts';
import { childrenOf, computeProcessOf } from '../../support/children.ts';
import { fillDisk, withSmallDisk } from '../../trust/smallDisk.ts';
import { deskForTests } from '../driver.ts';
import { makePredictedProject, type PredictedProject } from './predictedProject.ts';
import { rowsOf } from './reader.ts';

describe.skipIf(installedBrowser() === null || process.platform !== 'linux')('a bad day', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  let made: PredictedProject;
  /** Ends the small disk; null where none can be mounted. */
  let release: (() => void) | null = null;
  let ended: Promise<unknown> = Promise.resolve();
  const disk = (): string => join(folder, 'disk');
  /** Strokes whose saving was shown. */
  let saved = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-bad-'));
    await new Promise<void>((ready) => {
      ended = withSmallDisk(
        disk(),
        () =>
          new Promise<void>((done) => {
            release = done;
            ready();
          }),
      ).then((made) => {
        if (made === null) ready();
      });
    });
    made = await makePredictedProject(folder, {
      cases: 4,
      labels: 4,
      size: [48, 44, 28],
      spacing: [5, 5, 6],
      mode: 'reference',
      project: join(disk(), 'project'),
    });
    await openProject();
  });
  afterAll(async () => {
    release?.();
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  async function openProject(): Promise<void> {
    tests.desk.page.on('dialog', (dialog) => void dialog.accept().catch(() => undefined)); // Leaves, whatever is not saved yet.
    await tests.desk.showProject(made.project);
  }
  async function stroke(): Promise<void> {
    const at = 0.3 + 0.03 * (saved % 10);
    await tests.desk.drag('axial', [
      [0.35, at],
      [0.6, at + 0.05],
    ]);
    await expect.poll(async () => (await tests.desk.history()).length).toBe(saved + 1);
    await tests.desk.saved();
    saved++;
  }
  /** What was shown as saved is there, and nothing else but what was begun. */
  async function nothingLost(begun = 0): Promise<void> {
    await expect.poll(async () => (await tests.desk.history()).length).toBeGreaterThanOrEqual(saved);
    const found = (await tests.desk.history()).length;
    expect(found).toBeLessThanOrEqual(saved + begun);
    saved = found;
  }

  it('in a window of 900×600 everything can be reached', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.setViewportSize({ width: 900, height: 600 });
    await desk.openCase('patient 001');
    const findings: string[] = [];
    for (const workspace of ['correct', 'cases', 'train', 'models', 'export', 'problems', 'settings', 'start', 'correct']) {
      await desk.go(workspace);
      findings.push(...(await desk.findings()).map((finding) => `${workspace}: ${finding}`));
      // Nothing that can be pressed lies outside of what can be scrolled to.
      findings.push(
        ...(await page.evaluate((name) => {
          const [width, height] = [document.documentElement.clientWidth, document.documentElement.clientHeight];
          return [...document.querySelectorAll<HTMLElement>('main button, main input, main select, nav button')]
            .filter((element) => {
              if (!element.checkVisibility() || element.closest('.scroll, .list') !== null) return false;
              const { left, right, top, bottom } = element.getBoundingClientRect();
              return left < -1 || top < -1 || right > width + 1 || bottom > height + 1;
            })
            .map((element) => `${name}: ${element.textContent.trim() || (element.getAttribute('aria-label') ?? '')} lies outside`);
        }, workspace)),
      );
    }
    await desk.screenshot('bad-day-900x600');
    expect(findings).toEqual([]);
  });

  it('a reload in mid-stroke loses nothing that was saved', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.page.keyboard.press('b');
    await stroke();
    await stroke();
    await desk.drag(
      'axial',
      [
        [0.4, 0.6],
        [0.48, 0.63],
      ],
      { meanwhile: () => page.reload() },
    );
    await desk.ready();
    await desk.caseIsOpen('patient 001');
    await nothingLost(1);
    await page.keyboard.press('b');
    await stroke();
  });

  it('a reload right after a choice keeps it', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const layout = page.getByRole('combobox', { name: 'Layout' });
    const before = await layout.inputValue();
    for (const name of ['axial', before]) {
      await layout.selectOption(name);
      await page.reload();
      await desk.ready();
      await desk.titled('patient 001');
      expect(await layout.inputValue()).toBe(name);
    }
    await desk.caseIsOpen('patient 001');
  });

  it('the back button leaves, and forward finds everything again', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.goBack();
    await page.goForward();
    await desk.ready();
    await desk.caseIsOpen('patient 001');
    await nothingLost();
    await page.keyboard.press('b');
    await stroke();
  });

  it('of two windows the one that opened the case last has it, and the other says so', async () => {
    const { desk } = tests;
    const first: Page = desk.page;
    await desk.anotherWindow(); // It opens what was open last.
    await desk.page.setViewportSize({ width: 900, height: 600 });
    await desk.openCase('patient 001');
    await nothingLost();
    await first.bringToFront();
    await first
      .getByLabel('Messages')
      .getByText(/opened in another window/)
      .first()
      .waitFor();
    const second = desk.page;
    await second.bringToFront();
    await second.keyboard.press('b');
    await stroke();
    desk.page = first;
    await first.bringToFront();
    await desk.openCase('patient 001');
    await nothingLost();
    await second
      .getByLabel('Messages')
      .getByText(/opened in another window/)
      .first()
      .waitFor();
    await second.close();
    await first.keyboard.press('b');
    await stroke();
  });

  it('an image that was deleted, and a folder that was moved, are named; the rest goes on', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    // What comes next was read before it was asked for, and opens from memory: the others are tried.
    const { client, socket } = await desk.client();
    const { cases } = await client.library.list({});
    const { suggestion } = await client.library.next({ except: cases.find(({ name }) => name === 'patient 001')?.id ?? '' });
    socket.close();
    const [deleted = '', moved = ''] = cases
      .filter(({ id, name }) => id !== suggestion?.caseId && name !== 'patient 001')
      .map(({ name }) => name);
    const isNamed = async (name: string): Promise<void> => {
      await desk.go('cases');
      await desk.caseRow(name).dblclick();
      await desk.told(new RegExp(`${name}\\.nii\\.gz is not reachable`));
    };
    rmSync(join(made.incoming, `${deleted}.nii.gz`));
    await isNamed(deleted);
    renameSync(made.incoming, join(folder, 'archive'));
    await isNamed(moved);
    // However much is said, a message takes two lines and the workspace keeps its room.
    await desk.go('problems');
    const [said, below] = await Promise.all([page.locator('.status .urgent').boundingBox(), page.locator('main').boundingBox()]);
    expect([Number(said?.height) < 60, (below?.y ?? 0) + (below?.height ?? 0) <= (said?.y ?? 0) + 1]).toEqual([true, true]);
    await desk.button('Relink images…').click();
    const dialog = page.getByRole('dialog', { name: 'Images that were moved' });
    await dialog.getByText(/4 of them cannot be reached now/).waitFor();
    expect(await dialog.getByRole('textbox', { name: 'They lay in' }).inputValue()).toBe(made.incoming);
    const to = dialog.getByRole('textbox', { name: /^They lie now in/ });
    await to.fill(join(folder, 'elsewhere'));
    await dialog.getByRole('button', { name: 'Relink' }).click();
    await dialog
      .getByLabel('Skipped')
      .getByText(/not reachable/)
      .first()
      .waitFor();
    expect(await desk.findings()).toEqual([]);
    await to.fill(join(folder, 'archive'));
    await dialog.getByRole('button', { name: 'Relink' }).click();
    await dialog.getByText('3 images are read from the new place.').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await desk.openCase(moved);
    await desk.openCase('patient 001');
    await nothingLost();
  });

  it('the compute process is killed, and the work goes on', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    await client.jobs.rank({}); // Something to compute: the process is there from its first job on.
    socket.close();
    const host = desk.host.process.pid ?? 0;
    await expect.poll(() => childrenOf(host, 'jobs/main.ts').length).toBe(1);
    process.kill(computeProcessOf(host), 'SIGKILL');
    await desk.told(/The compute process is gone\. It was ended by SIGKILL/);
    await desk.page.keyboard.press('b');
    await stroke();
  });

  it('the disk is full: a bar says so, and what was drawn is saved as soon as there is room', async ({ skip }) => {
    if (release === null) skip('no small disk can be mounted here');
    const {
      desk,
      desk: { page },
    } = tests;
    const filler = join(disk(), 'filler');
    fillDisk(filler);
    const bar = page.getByLabel('Unsaved', { exact: true });
    let drawn = 0;
    while ((await bar.count()) === 0 && drawn < 12) {
      const at = 0.25 + 0.04 * drawn++;
      await desk.drag('axial', [
        [0.3, at],
        [0.65, at + 0.05],
      ]);
      await expect.poll(async () => (await desk.history()).length).toBe(saved + drawn);
      await bar
        .or(page.locator('[aria-label=History] .saved', { hasText: /^saved$/ }))
        .first()
        .waitFor();
    }
    await bar.getByText(/The disk is full/).waitFor();
    rmSync(filler);
    // It tries by itself, too, and may be faster.
    await bar
      .getByRole('button', { name: 'Try now' })
      .click({ timeout: 2500 })
      .catch(() => undefined);
    await bar.waitFor({ state: 'detached' });
    await desk.saved();
    saved += drawn;
    await nothingLost();
  });

  it('the host is killed, and the next start has it all', async () => {
    const { desk } = tests;
    const gone = new Promise((done) => {
      desk.host.process.once('exit', done);
    });
    desk.host.process.kill('SIGKILL');
    await gone;
    await desk.page.getByRole('heading', { name: 'The program behind this window is not running' }).waitFor();
    await tests.restart();
    await tests.desk.page.getByText('The last run ended unexpectedly.').waitFor();
    await tests.desk.button('Dismiss').click();
    await tests.desk.page.getByText('The last run ended unexpectedly.').waitFor({ state: 'detached' });
    const { client, socket } = await tests.desk.client();
    await expect.poll(async () => (await client.app.info({})).crash).toBe(null);
    socket.close();
    await openProject();
    await tests.desk.openCase('patient 001');
    await nothingLost();
    await tests.desk.acceptAsItIs('Control+Enter');
    await expect
      .poll(() => rowsOf(made.project, "SELECT name FROM cases WHERE status = 'accepted'"))
      .toMatchObject([{ name: 'patient 001' }]);
  });

  it('left a sound project behind', () => {
    expect(rowsOf(made.project, 'PRAGMA integrity_check')).toMatchObject([{ integrity_check: 'ok' }]);
    expect(rowsOf(made.project, 'SELECT name FROM cases ORDER BY name')).toHaveLength(4);
    const masks = readdirSync(made.project, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.mask'));
    expect(masks.length).toBeGreaterThan(4); // four predictions and what was accepted
  });
});
