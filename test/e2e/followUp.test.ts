import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { gridOf } from '../support/studio.ts';
import { deskForTests } from './driver.ts';

const size: Triple = [24, 22, 16];
const voxels = size[0] * size[1] * size[2];
/** A bright block on dark tissue, `moved` mm to the left in the world. */
function scan(value: number, moved = 0): Volume<Int16Array> {
  const { affine } = gridOf(size);
  const data = Int16Array.from({ length: voxels }, (_, at) => (at % 24 > 6 && at % 24 < 14 ? value : 100));
  return { grid: { size, affine: affine.map((each, n) => (n === 3 ? each + moved : each)) as unknown as typeof affine }, data };
}
const mask = (rows: number): Uint8Array => new Uint8Array(voxels).fill(1, 24 * 22 * 8, 24 * 22 * 8 + 24 * rows);

describe.skipIf(installedBrowser() === null)('follow-ups in the window', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  const at = (...parts: string[]): string => {
    const path = join(folder, ...parts);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-followUp-'));
    await writeVolume(at('set', 'imagesTr', 'march_0000.nii.gz'), scan(700));
    await writeVolume(at('set', 'imagesTr', 'june_0000.nii.gz'), scan(800));
    await writeVolume(at('set', 'imagesTr', 'elsewhere_0000.nii.gz'), scan(900, 5.5));
    await writeVolume(at('set', 'labelsTr', 'march.nii.gz'), { grid: gridOf(size), data: mask(4) });
    await writeVolume(at('set', 'labelsTr', 'elsewhere.nii.gz'), { grid: scan(0, 5.5).grid, data: mask(6) });
    writeFileSync(at('set', 'dataset.json'), JSON.stringify({ channel_names: { 0: 'T1' }, labels: { background: 0, lesion: 1 } }));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  const dialog = () => tests.desk.page.getByRole('dialog', { name: /scan was made$|Patient and day/ });
  const panel = () => tests.desk.page.getByRole('region', { name: 'Follow-up' });

  it('a person says which scans are one patient’s, and of which day', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.newProject({ name: 'Follow-up', folder: join(folder, 'project'), labels: ['lesion'] });
    await desk.bring(join(folder, 'set'));
    await desk.caseRow('june').click();
    await desk.button('Patient…').click();
    await dialog().getByLabel('Day of the scan').fill('2025-06-12');
    await dialog().getByRole('button', { name: 'Set the day' }).click();
    await desk.told(/Made on 2025-06-12/);
    await desk.caseRow('march').click();
    await desk.button('Patient…').click();
    await dialog().getByLabel('Day of the scan').fill('2025-03-01');
    await dialog().getByRole('button', { name: 'Set the day' }).click();
    await desk.told(/Made on 2025-03-01/);
    await desk.caseRow('elsewhere').click();
    for (const name of ['march', 'june']) await desk.caseRow(name).click({ modifiers: ['Control'] });
    await page.getByText('3 selected').waitFor();
    await desk.button('Patient…').click();
    await dialog().getByRole('button', { name: 'Each of a patient of its own' }).click();
    await desk.told(/only scan of its patient/);
    await desk.button('Patient…').click();
    expect(await desk.findings()).toEqual([]);
    await dialog().getByRole('button', { name: 'Of one patient' }).click();
    await desk.told(/scans of one patient/);
  });

  it('the later scan shows the earlier ones, their volumes, and starts from the mask of one', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('june');
    await panel().getByText('2025-03-01').first().waitFor();
    // 96 voxels of 2 mm³, and 144.
    const row = (name: string) => page.getByRole('row', { name });
    await expect.poll(() => row('2025-03-01').textContent()).toMatch(/0\.19/);
    await expect.poll(() => row('elsewhere').textContent()).toMatch(/0\.29/);
    await page.getByRole('region', { name: 'Images of the case' }).getByRole('radio', { name: '2025-03-01' }).click();
    await page.getByLabel('Axial view, 2025-03-01').waitFor();
    await panel().getByRole('button', { name: 'Start from 2025-03-01' }).click();
    await desk.historyIs(['Start from 2025-03-01']);
    await desk.told(/Start from 2025-03-01: 96 voxels changed/);
    await desk.saved();
    await page.keyboard.press('Control+z');
    await desk.saved();
    expect(desk.errors).toEqual([]);
  });

  it('a scan that lies elsewhere is refused until it is placed by hand', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const images = page.getByRole('region', { name: 'Images of the case' });
    await images.getByText('not placed').waitFor();
    await panel().getByRole('button', { name: 'Start from elsewhere' }).click();
    await desk.told(/Nothing says how the scan of elsewhere lies on this one/);
    await images.getByRole('radio', { name: /^elsewhere/ }).click();
    await page.getByLabel('Axial view, elsewhere').waitFor();
    await images.getByText('Place elsewhere by hand').click();
    await images.getByRole('spinbutton', { name: 'Shift left, mm' }).fill('-5.5');
    await images.getByRole('button', { name: 'Place', exact: true }).click();
    await images.getByText('not placed').waitFor({ state: 'detached' });
    await panel().getByRole('button', { name: 'Start from elsewhere' }).click();
    await desk.told(/Start from elsewhere: 144 voxels changed/);
    await desk.historyIs(['Start from elsewhere']);
    expect(await desk.findings()).toEqual([]);
    expect(desk.errors).toEqual([]);
  });
});
