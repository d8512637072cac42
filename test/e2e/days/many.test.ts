import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../../support/browser.ts';
import { writeLabelList } from '../../support/studio.ts';
import { deskForTests } from '../driver.ts';
import { full, onlyAsDays } from './inputs.ts';
import { dayPhantom, labelNames } from './phantom.ts';
import { rowsOf } from './reader.ts';

/** Cases, labels and size; smaller for a try: LOGONET_MANY=20,117,64,64,60. */
const [cases = 300, labels = 117, ...size] = (process.env['LOGONET_MANY'] ?? '300,117,512,512,600').split(',').map(Number);
describe.skipIf(!full || installedBrowser() === null)(`many cases, labels and slices${onlyAsDays}`, () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  const project = (): string => join(folder, 'project');
  const names = labelNames(labels);

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env['LOGONET_DAYS_FOLDER'] ?? tmpdir(), 'logonet-many-'));
    for (const part of ['images', 'labels']) mkdirSync(join(folder, 'incoming', part), { recursive: true });
    writeLabelList(
      join(folder, 'incoming', 'labels'),
      names.map((name, index) => ({ value: index + 1, name })),
    );
    const { image, mask } = dayPhantom(size as unknown as Triple, [0.7, 0.7, 0.8], 7, labels);
    const [one, other] = [join(folder, 'image.nii.gz'), join(folder, 'mask.nii.gz')];
    await writeVolume(one, image);
    await writeVolume(other, mask);
    // Compressed once: a file is its own first kilobytes, and the rest that all have in common, as two members of one gzip file.
    const own = 4096;
    const raw = gunzipSync(readFileSync(one), { maxOutputLength: 2 ** 31 });
    const rest = gzipSync(raw.subarray(own), { level: 1 });
    const head = Buffer.from(raw.subarray(0, own));
    const masked = readFileSync(other);
    for (let n = 0; n < cases; n++) {
      head.writeInt16LE(n - 1000, 400); // One voxel in the air.
      const name = `patient ${String(n + 1).padStart(3, '0')}.nii.gz`;
      writeFileSync(join(folder, 'incoming', 'images', name), Buffer.concat([gzipSync(head), rest]));
      if (n % 2 === 0) writeFileSync(join(folder, 'incoming', 'labels', name), masked);
    }
    const { client, socket } = await tests.desk.client();
    await client.settings.update({ importMode: 'reference' });
    await client.projects.create({
      path: project(),
      name: 'Many',
      labels: names.map((name, index) => ({ value: index + 1, name, color: '#56b4e9', locked: false })),
    });
    socket.close();
    await tests.desk.page.reload();
    await tests.desk.ready();
  }, 3_600_000);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  it('imports them through the dialog', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.button('Import').click();
    await desk.browseTo('Import files or a folder', join(folder, 'incoming'));
    await page.getByRole('dialog', { name: 'Import files or a folder' }).getByRole('button', { name: 'Import', exact: true }).click();
    const plan = page.getByRole('dialog', { name: 'What will be imported' });
    await plan.waitFor({ timeout: 10_800_000 });
    await plan.getByText(`${String(cases)} new cases, ${String(Math.ceil(cases / 2))} masks.`).waitFor();
    await plan.getByRole('button', { name: 'Import', exact: true }).click();
    await expect.poll(() => rowsOf(project(), 'SELECT id FROM cases').length, { timeout: 10_800_000 }).toBe(cases);
  }, 21_600_000);

  it('finds its way in the list', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await expect.poll(() => desk.caseRow(/./).count()).toBeGreaterThan(5);
    await page.getByRole('combobox', { name: 'Sort' }).selectOption('Name');
    const last = `patient ${String(cases).padStart(3, '0')}`;
    for (let n = 0; n <= cases / 10; n++) await page.getByRole('listbox', { name: 'Cases' }).press('PageDown');
    await desk.caseRow(last).waitFor();
    await page.getByRole('searchbox').fill('007');
    await expect.poll(() => desk.caseRow(/./).count()).toBe(1);
    await page.getByRole('searchbox').fill('');
    expect(await desk.findings()).toEqual([]);
  }, 900_000);

  it('opens one, finds a label of so many, and paints with it', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('patient 001');
    const list = page.getByRole('region', { name: 'Labels', exact: true });
    await list.getByRole('searchbox').fill(names.at(-1) ?? '');
    await list.getByRole('button', { name: new RegExp(`^${names.at(-1) ?? ''}`) }).click();
    await page.keyboard.press('b');
    await desk.drag('axial', [
      [0.45, 0.45],
      [0.55, 0.5],
    ]);
    await desk.historyIs([`Brush: ${names.at(-1) ?? ''}`]);
    await desk.saved();
    await desk.acceptAsItIs('Control+Enter');
    await desk.told(/^Accepted\./);
    await desk.screenshot('many');
  }, 3_600_000);

  it('left a sound project behind, and threw nothing', async () => {
    expect(rowsOf(project(), 'PRAGMA integrity_check')).toMatchObject([{ integrity_check: 'ok' }]);
    expect(rowsOf(project(), 'SELECT id FROM cases WHERE has_mask = 1')).toHaveLength(Math.ceil(cases / 2));
    expect([tests.desk.errors, await tests.desk.failures()]).toEqual([[], []]);
  });
});
