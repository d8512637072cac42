import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { writeDicomSlices } from '../support/dicomSlices.ts';
import { boxIn, writeStructureSet } from '../support/structureSets.ts';
import { rampVolume } from '../support/studio.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null)('the plan of an import asks what only a person can say', () => {
  const tests = deskForTests();
  let folder: string;
  const project = (): string => join(folder, 'liver');
  const stored = (): { name: string; voxels: string | null }[] => {
    const database = new DatabaseSync(join(project(), 'library.sqlite'), { readOnly: true });
    try {
      const sql =
        'SELECT cases.name, mask_revision.voxels FROM cases LEFT JOIN mask_revision ON mask_revision.case_id = cases.id ORDER BY cases.name';
      return database.prepare(sql).all() as unknown as { name: string; voxels: string | null }[];
    } finally {
      database.close();
    }
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-plan-'));
    const volume = rampVolume([16, 15, 10]);
    writeDicomSlices(join(folder, 'study', 'ct'), volume);
    writeStructureSet(join(folder, 'study', 'contours.dcm'), volume.grid, [
      { name: 'Liver', contours: [boxIn(4, -0.5, -0.5, 9.5, 9.5)] },
      { name: 'Cyst', contours: [boxIn(4, 1.5, 1.5, 3.5, 3.5)] },
    ]);
    // Two volumes in one file: the header of one with a fourth dimension, and its voxels twice.
    mkdirSync(join(folder, 'study', 'perfusion'));
    await writeVolume(join(folder, 'one.nii'), rampVolume([16, 15, 10], 3));
    const bytes = readFileSync(join(folder, 'one.nii'));
    bytes.writeInt16LE(4, 40);
    bytes.writeInt16LE(2, 48);
    writeFileSync(join(folder, 'study', 'perfusion', 'perf.nii'), Buffer.concat([bytes, bytes.subarray(bytes.readFloatLE(108)).reverse()]));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  it('which label has the voxels that two hold, and which volume of two', async () => {
    const { desk } = tests;
    await desk.newProject({ name: 'Liver', folder: project(), labels: ['Liver', 'Cyst'] });
    const plan = await desk.planImport(folder, 'study');
    const order = plan.getByRole('list', { name: 'Overlap order' }).getByRole('listitem');
    await order.first().waitFor();
    expect((await order.allTextContents()).map((text) => text.replace('↑', '').trim())).toEqual(['Cyst', 'Liver']);
    const lost = plan.getByRole('list', { name: 'Lost voxels' });
    await lost.getByText('“Liver” loses 4 voxels to “Cyst”').waitFor();
    await plan.getByRole('spinbutton', { name: 'Volume' }).fill('2');
    await plan.getByRole('button', { name: 'Take this volume' }).click();
    await plan.getByText('Volume 2 is taken.').waitFor();
    await plan.getByRole('button', { name: 'Move Liver to the front by one' }).click();
    await lost.getByText('“Cyst” loses 4 voxels to “Liver”').waitFor();
    await plan.getByRole('button', { name: 'Import', exact: true }).click();
    await plan.waitFor({ state: 'detached' });
    // The case is there before its mask is.
    const found = () => stored().map(({ name, voxels }) => [name, Object.values(JSON.parse(voxels ?? '{}') as Record<string, number>)]);
    await expect.poll(found, { timeout: 20_000 }).toEqual([
      ['HOSP-998877, series 1', [100]],
      ['perf volume 2', []],
    ]);
  });

  it('which files that are numbered like channels are images of one case', async () => {
    const { desk } = tests;
    mkdirSync(join(folder, 'brains'));
    for (const [n, name] of ['x_0000', 'x_0001', 'y_0000', 'y_0001'].entries())
      await writeVolume(join(folder, 'brains', `${name}.nii.gz`), rampVolume([16, 15, 10], 10 + n));
    const plan = await desk.planImport(folder, 'brains');
    const together = plan.getByRole('checkbox', {
      name: 'Files numbered _0000, _0001 … on the same voxels are images of one case (2 cases)',
    });
    await plan.getByText('2 new cases, 0 masks.').waitFor();
    expect(await together.isChecked()).toBe(true);
    await together.click();
    await plan.getByText('4 new cases, 0 masks.').waitFor();
    await together.click();
    await plan.getByText('2 new cases, 0 masks.').waitFor();
    await plan.getByRole('button', { name: 'Import', exact: true }).click();
    await plan.waitFor({ state: 'detached' });
    await expect
      .poll(() => stored().map(({ name }) => name), { timeout: 20_000 })
      .toEqual(['HOSP-998877, series 1', 'perf volume 2', 'x', 'y']);
  });
});
