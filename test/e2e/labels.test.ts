import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { syntheticCase } from '../support/syntheticCase.ts';
import { startStudio } from '../support/studio.ts';
import { deskForTests } from './driver.ts';

const names = ['Spleen', 'Right kidney', 'Left kidney', 'Gallbladder', 'Oesophagus', 'Liver', 'Stomach', 'Aorta'];
const cyst = { value: 17, name: 'Cyst', color: '#ffffff', locked: false };

describe.skipIf(installedBrowser() === null)('a label', () => {
  const tests = deskForTests();
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-labels-'));
    const studio = startStudio(join(folder, 'studio'));
    const labels = names.map((name, index) => ({
      value: index + 1,
      name,
      color: `#${(0x20a0f0 + index * 0x1a2b3c).toString(16).padStart(6, '0').slice(-6)}`,
      locked: false,
    }));
    await studio.client.projects.create({ path: join(folder, 'project'), name: 'Abdomen', labels: [...labels, cyst] });
    mkdirSync(join(folder, 'incoming'));
    await writeVolume(join(folder, 'incoming', 'patient 01.nii.gz'), syntheticCase([96, 80, 60], [3, 3, 5]).image);
    await studio.client.library.import({ sources: [join(folder, 'incoming')] });
    await studio.studio.close();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  it('is removed by keyboard, refused while a mask holds it, and brought back', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.showProject(join(folder, 'project'));
    await desk.openCase('patient 01');
    const findings: string[] = [];
    const look = async (name: string): Promise<void> => {
      await desk.screenshot(`label-${name}`);
      findings.push(...(await desk.findings()));
    };
    const list = page.getByRole('region', { name: 'Labels', exact: true });
    const label = list.getByRole('button', { name: /^Cyst/ });
    const dialog = page.getByRole('dialog', { name: 'Remove “Cyst”?' });
    const remove = dialog.getByRole('button', { name: 'Remove', exact: true });

    // Nine are searched, or those that the mask holds are shown alone.
    const shown = (): Promise<number> => list.locator('button.name').count();
    await list.getByRole('searchbox', { name: 'Search labels' }).fill('kidney');
    await expect.poll(shown).toBe(2);
    await list.getByRole('searchbox', { name: 'Search labels' }).fill('');
    await expect.poll(shown).toBe(9);
    await list.getByRole('checkbox', { name: 'Present' }).click();
    await list.getByText('No label matches.').waitFor(); // Nothing is segmented yet.
    await list.getByRole('checkbox', { name: 'Present' }).click();
    await expect.poll(shown).toBe(9);
    await label.click();
    await look('before');
    await page.keyboard.press('Delete');
    await remove.waitFor();
    await look('asked');
    await desk.closeDialog();
    await label.waitFor();

    // The stroke that holds it has only just been made.
    await page.keyboard.press('b');
    await desk.drag('axial', [
      [0.4, 0.5],
      [0.6, 0.5],
    ]);
    await list.getByRole('button', { name: 'Remove Cyst' }).click();
    await remove.click();
    await dialog.getByRole('alert').getByText('“Cyst” cannot be removed: the mask of 1 case still holds it (patient 01).').waitFor();
    await look('refused');
    await dialog.getByRole('button', { name: 'Keep the label' }).click();

    await page.keyboard.press('Control+z');
    await desk.saved();
    await label.focus();
    await page.keyboard.press('Delete');
    await remove.waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await label.waitFor({ state: 'detached' });
    await list.getByText('1 removed').waitFor();
    await list.getByRole('button', { name: 'Bring back Cyst' }).waitFor({ state: 'hidden' }); // the volumes follow the mask
    await list.getByText('1 removed').click();
    await list.getByRole('button', { name: 'Bring back Cyst' }).waitFor();
    await list.getByText('1 removed').click();
    await list.getByRole('button', { name: 'Bring back Cyst' }).waitFor({ state: 'hidden' });
    await look('removed');

    // Undo has not lost the stroke; what it is of is known, and it cannot be accepted by accident.
    await page.keyboard.press('Control+y');
    await list.getByRole('button', { name: 'Bring back Cyst' }).waitFor();
    await desk.saved();
    await page.keyboard.press('Control+Enter');
    await desk.message(/holds “Cyst”, which was removed/).waitFor();
    await look('undone');
    await list.getByRole('button', { name: 'Bring back Cyst' }).click();
    await label.waitFor();
    await desk.acceptAsItIs('Control+Enter');
    await page.locator('.case .status').getByText('Accepted').waitFor();

    await list.getByRole('button', { name: 'Add', exact: true }).click();
    await list.getByRole('textbox', { name: 'Name of the label' }).fill('Stone');
    await page.keyboard.press('Enter');
    await list.getByRole('button', { name: /^Stone/ }).waitFor();
    const again = await desk.client();
    const { project } = await again.client.projects.current();
    again.socket.close();
    expect([project?.labels.map(({ value, name }) => [value, name]).slice(-2), project?.removedLabels]).toEqual([
      [
        [17, 'Cyst'],
        [9, 'Stone'],
      ],
      [],
    ]);
    expect([findings, desk.errors]).toEqual([[], []]);
  }, 900_000);
});
