import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { rampVolume } from '../support/studio.ts';
import { deskForTests } from './driver.ts';

/** As hospitals and annotators write them. */
const longLabels = ['Pancreatic ductal adenocarcinoma, primary tumour with infiltration', 'Superior mesenteric artery and its first-order branches', 'Vena cava inferior, infrarenal'];
const longCase = 'CT Thorax Abdomen portal venous 1.0 Br40 3 follow-up 2024-11-03 after second line chemotherapy, reconstructed';

describe.skipIf(installedBrowser() === null)('every workspace', () => {
  const tests = deskForTests();

  const shown: Record<string, readonly string[]> = {};
  async function look(name: string): Promise<void> {
    await tests.desk.screenshots(name);
    shown[name] = await tests.desk.findings();
  }

  it('is drawn at 1280×720 and at 3840×2160, without a serious accessibility finding', async () => {
    await look('start');
    await tests.desk.openDemo();
    await look('cases');
    await tests.desk.openCase('Phantom 01');
    await tests.desk.page.getByText('Surfaces appear here').waitFor({ state: 'hidden' });
    await tests.desk.page.getByText(/^surfaces \d/).waitFor({ state: 'hidden' });
    await look('correct');
    for (const workspace of ['train', 'models', 'export', 'problems', 'settings']) {
      await tests.desk.go(workspace);
      await tests.desk.page.waitForTimeout(1200);
      await look(workspace);
    }
    await tests.desk.page.keyboard.press('Shift+?');
    await tests.desk.dialog();
    await look('keys');
    await tests.desk.closeDialog();
    await tests.desk.page.keyboard.press('Control+k');
    await tests.desk.dialog();
    await look('palette');
    await tests.desk.closeDialog();
    expect(shown).toEqual(Object.fromEntries(Object.keys(shown).map((name) => [name, []])));
  }, 1_800_000);

  it('shows prediction, difference and uncertainty over the image', async () => {
    const { desk, desk: { page } } = tests;
    await desk.openCase('Phantom 04');
    await page.getByRole('checkbox', { name: 'Prediction' }).and(page.locator(':enabled')).waitFor();
    for (const [name, key] of [['prediction', 'q'], ['difference', 'd'], ['uncertainty', 'u']] as const) {
      await page.keyboard.press(key);
      await page.waitForTimeout(2500);
      await look(name);
      await page.keyboard.press(key);
    }
    expect(shown).toEqual(Object.fromEntries(Object.keys(shown).map((name) => [name, []])));
  }, 900_000);

  it('holds long names, refused files and a case without anything', async () => {
    const { desk, desk: { page } } = tests;
    const folder = mkdtempSync(join(tmpdir(), 'logonet-long-'));
    mkdirSync(join(folder, 'incoming'));
    const image = rampVolume([40, 36, 20]);
    await writeVolume(join(folder, 'incoming', `${longCase}.nii.gz`), image);
    writeFileSync(join(folder, 'incoming', `${longCase}, damaged.nii.gz`), Buffer.from([31, 139, 8, 0, 1, 2, 3]));
    const { client, socket } = await desk.client();
    const palette = ['#e69f00', '#56b4e9', '#009e73'];
    await client.projects.create({
      path: join(folder, 'project'), name: `${longCase} (project)`, labels: longLabels.map((name, index) => ({ value: index + 1, name, color: palette[index] ?? '#ffffff', locked: false })),
    });
    await client.library.import({ sources: [join(folder, 'incoming')] });
    socket.close();
    await page.reload();
    await desk.ready();
    await desk.caseRow(longCase.slice(0, 12)).first().waitFor();
    await look('long-cases');
    await desk.openCase(longCase.slice(0, 12));
    await desk.button('Predict').click(); // There is no model: the message says what to do.
    await desk.told(/There is no model yet/);
    await look('long-correct');
    for (const workspace of ['train', 'models', 'problems', 'export']) {
      await desk.go(workspace);
      await page.waitForTimeout(1200);
      await look(`long-${workspace}`);
    }
    await desk.go('start');
    await look('long-start');
    expect(shown).toEqual(Object.fromEntries(Object.keys(shown).map((name) => [name, []])));
    await desk.openDemo();
    rmSync(folder, { recursive: true, force: true });
  }, 900_000);

  it('can be reached by keyboard alone', async () => {
    await tests.desk.page.keyboard.press('Alt+Digit2');
    await tests.desk.page.locator('[data-workspace=cases][aria-current=page]').waitFor();
    await tests.desk.page.getByRole('listbox', { name: 'Cases' }).focus();
    await tests.desk.page.keyboard.press('ArrowDown');
    await tests.desk.page.keyboard.press('ArrowDown');
    await tests.desk.page.keyboard.press('Enter');
    await tests.desk.page.locator('.case h2').waitFor();
    await tests.desk.page.keyboard.press('Control+k');
    await tests.desk.page.locator('dialog input:focus').waitFor();
    await tests.desk.page.keyboard.type('interpolate');
    await tests.desk.page.keyboard.press('Enter');
    await tests.desk.page.locator('[data-tool=interpolate][aria-pressed=true]').waitFor();
  });

  it('threw nothing in the window', () => {
    expect(tests.desk.errors).toEqual([]);
  });
});
