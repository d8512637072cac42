import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paletteColor } from '#shared/domain/labelPalette.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { openProject } from '#main/library/index.ts';
import { installedBrowser } from '../support/browser.ts';
import { addFinishedRuns } from '../support/finishedRuns.ts';
import { syntheticCase } from '../support/syntheticCase.ts';
import { startStudio, writeLabelList } from '../support/studio.ts';
import { deskForTests } from './driver.ts';

const organs = [
  'Spleen',
  'Right kidney',
  'Left kidney',
  'Gallbladder',
  'Oesophagus',
  'Liver',
  'Stomach',
  'Aorta',
  'Inferior vena cava',
  'Portal vein and splenic vein',
  'Pancreas',
  'Right adrenal gland',
  'Left adrenal gland',
  'Duodenum',
  'Urinary bladder',
  'Prostate or uterus',
];
const chinese =
  '上腹部增强CT门静脉期薄层重建一毫米软组织算法化疗后第二次随访二〇二四年十一月三日病人编号零零七三四一含对照扫描与延迟期图像已脱敏待复核放射科第三阅片室';

describe.skipIf(installedBrowser() === null)('what a workspace shows when', () => {
  const tests = deskForTests();
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-states-'));
    const studio = startStudio(join(folder, 'studio'));
    await studio.client.projects.create({
      path: join(folder, 'organs'),
      name: 'Sixteen organs',
      labels: organs.map((name, index) => ({ value: index + 1, name, color: paletteColor(index), locked: false })),
    });
    for (const part of ['images', 'labels']) mkdirSync(join(folder, 'incoming', part), { recursive: true });
    for (const [index, name] of ['patient 01', 'patient 02', 'patient 03', 'patient 04', chinese].entries()) {
      const { image, mask } = syntheticCase([96 + index, 80, 60], [3, 3, 5]);
      await writeVolume(join(folder, 'incoming', 'images', `${name}.nii.gz`), image);
      if (name.startsWith('patient')) await writeVolume(join(folder, 'incoming', 'labels', `${name}.nii.gz`), mask);
    }
    writeLabelList(
      join(folder, 'incoming', 'labels'),
      organs.map((name, index) => ({ value: index + 1, name })),
    );
    await studio.client.library.import({ sources: [join(folder, 'incoming')] });
    await studio.studio.close();
    const project = openProject(join(folder, 'organs'), { author: 'test' });
    addFinishedRuns(project);
    project.close();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }); // The host still has the project.

  const shown: Record<string, readonly string[]> = {};
  async function look(name: string): Promise<void> {
    await tests.desk.screenshots(name);
    shown[name] = [
      ...(await tests.desk.findings()),
      ...(await tests.desk.page.getByLabel('Messages').getByText('for a reason that the log has').allTextContents()),
    ];
  }
  const nothingFound = (): void => {
    expect(shown).toEqual(Object.fromEntries(Object.keys(shown).map((name) => [name, []])));
  };

  async function open(path: string): Promise<void> {
    const { client, socket } = await tests.desk.client();
    await client.projects.open({ path });
    socket.close();
    await tests.desk.page.reload();
    await tests.desk.ready();
  }

  it('nothing is there yet', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.button(/^New project/).click();
    await page.getByRole('textbox', { name: 'Labels, one a line' }).fill(organs.join('\n'));
    await look('new-project');
    await page.getByRole('button', { name: 'Choose', exact: true }).click();
    await look('choose-folder');
    await page.getByRole('dialog', { name: 'Folder of the project' }).getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('textbox', { name: /^Name/ }).fill('Empty');
    await page.getByRole('textbox', { name: /^Folder/ }).fill(join(folder, 'empty'));
    await page.getByRole('button', { name: 'Create project' }).click();
    await page.getByRole('heading', { name: 'No cases yet' }).waitFor();
    for (const workspace of ['cases', 'correct', 'train', 'models', 'export', 'problems']) {
      await desk.go(workspace);
      await look(`empty-${workspace}`);
    }
    // What cannot be done yet is not offered, or says what comes first.
    await desk.go('train');
    expect(await desk.button('Improve pointing now').isDisabled()).toBe(true);
    await desk.go('export');
    await page.getByText('No case is accepted yet: accept one in Correct.', { exact: true }).waitFor();
    await desk.go('problems');
    expect(await desk.button('Relink images…').count()).toBe(0);
    for (const [workspace, button, leadsTo] of [
      ['correct', 'Go to Cases', 'cases'],
      ['models', 'Go to Train', 'train'],
    ] as const) {
      await desk.go(workspace);
      await desk.button(button).click();
      await page.locator(`[data-workspace=${leadsTo}][aria-current=page]`).waitFor();
    }
    nothingFound();
  }, 900_000);

  it('a file cannot be read', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    writeFileSync(join(folder, 'broken.nii.gz'), Buffer.from([31, 139, 8, 0, 1, 2, 3]));
    await desk.bring(join(folder, 'broken.nii.gz'));
    await desk.go('problems');
    await page
      .getByText(/broken\.nii\.gz/)
      .first()
      .waitFor();
    await look('refused-file');
    nothingFound();
  });

  it('names are long and labels many', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await open(join(folder, 'organs'));
    await desk.caseRow(chinese.slice(0, 8)).waitFor();
    await look('chinese-cases');
    await desk.openCase(chinese.slice(0, 8));
    await look('chinese-correct');
    await desk.openCase('patient 01');
    await page.getByText(/^surfaces \d/).waitFor({ state: 'hidden' });
    await look('many-labels');
    await page.getByRole('button', { name: /^Portal vein/ }).dblclick();
    await look('label-renamed');
    await page.keyboard.press('Escape');
    nothingFound();
  }, 900_000);

  it('an improvement was a gain or was none, with many labels', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    for (const [name, verdict] of [
      ['gain', /gain/i],
      ['no-gain', /no gain/i],
    ] as const) {
      await desk.go('train');
      await page
        .locator('.setup li button')
        .nth(name === 'gain' ? 0 : 1)
        .click();
      await page.locator('.verdict').getByText(verdict).waitFor();
      await look(`run-${name}`);
    }
    await desk.go('models');
    await look('models-three');
    await desk.go('export');
    await look('export-many');
    await desk.go('settings');
    await page
      .getByText(/GFLOP\/s/)
      .first()
      .waitFor({ timeout: 480_000 });
    await look('settings-devices');
    nothingFound();
  }, 900_000);

  it('threw nothing in the window', () => {
    expect(tests.desk.errors).toEqual([]);
  });
});
