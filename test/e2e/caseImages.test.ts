import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { gridOf } from '../support/studio.ts';
import { deskForTests } from './driver.ts';

const size: Triple = [24, 22, 16];
/** A bright block on dark tissue: where and how bright tells the images apart. */
function block(first: number, value: number, of: Triple = size): Volume<Int16Array> {
  const [ni, nj, nk] = of;
  const data = new Int16Array(ni * nj * nk).fill(100);
  for (let k = 3; k < nk - 3; k++)
    for (let j = 5; j < nj - 5; j++) for (let i = first; i < first + 6; i++) data[i + ni * (j + nj * k)] = value;
  const scale = size.map((n, axis) => n / (of[axis as 0] ?? n)) as unknown as Triple;
  return { grid: gridOf(of, [scale[0], scale[1], 2 * scale[2]]), data };
}

describe.skipIf(installedBrowser() === null)('several images of one case', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  const at = (...parts: string[]): string => {
    const path = join(folder, ...parts);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  const stored = (): unknown[] => {
    const database = new DatabaseSync(at('project', 'library.sqlite'), { readOnly: true });
    try {
      const sql =
        'SELECT cases.name AS owner, image.name, position, placed_by FROM image JOIN cases ON cases.id = case_id ORDER BY owner, position';
      return (database.prepare(sql).all() as Record<string, unknown>[]).map((row) => Object.values(row));
    } finally {
      database.close();
    }
  };

  const placedOf = (name: string): string | null => {
    const database = new DatabaseSync(at('project', 'library.sqlite'), { readOnly: true });
    try {
      return (database.prepare('SELECT to_leading FROM image WHERE name = ?').get(name) as { to_leading: string | null }).to_leading;
    } finally {
      database.close();
    }
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-images-'));
    for (const [n, name] of ['case_a', 'case_b'].entries()) {
      await writeVolume(at('set', 'imagesTr', `${name}_0000.nii.gz`), block(2, 700 + n));
      await writeVolume(at('set', 'imagesTr', `${name}_0001.nii.gz`), block(14, 900 + n));
    }
    const mask = { grid: gridOf(size), data: new Uint8Array(block(2, 0).data.length).fill(1, 24 * 22 * 8, 24 * 22 * 8 + 50) };
    await writeVolume(at('set', 'labelsTr', 'case_a.nii.gz'), mask);
    const description = { channel_names: { 0: 'T1', 1: 'FLAIR' }, labels: { background: 0, lesion: 1 } };
    writeFileSync(at('set', 'dataset.json'), JSON.stringify(description));
    // Half as many voxels along each axis, in the same place.
    await writeVolume(at('apart', 'imagesTr', 'zeta_0000.nii.gz'), block(3, 800));
    await writeVolume(at('apart', 'imagesTr', 'zeta_0001.nii.gz'), block(5, 500, [12, 11, 8]));
    // Two volumes in one file that nothing names.
    await writeVolume(at('four.nii'), block(4, 600));
    const bytes = readFileSync(at('four.nii'));
    bytes.writeInt16LE(4, 40);
    bytes.writeInt16LE(2, 48);
    writeFileSync(at('apart', 'perf.nii'), Buffer.concat([bytes, bytes.subarray(bytes.readFloatLE(108)).reverse()]));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  const images = () => tests.desk.page.getByRole('region', { name: 'Images of the case' });
  const shownIs = (name: string): Promise<void> => images().getByRole('radio', { name, checked: true }).waitFor();
  const probe = () => tests.desk.page.getByRole('group', { name: 'Under the pointer' });

  /** Chooses a folder to import, up to the plan. */
  async function plan(name: string) {
    await tests.desk.go('cases');
    return tests.desk.planImport(folder, name);
  }

  it('come in as the plan says', async () => {
    const { desk } = tests;
    await desk.newProject({ name: 'Images', folder: join(folder, 'project'), labels: ['lesion'] });
    const first = await plan('set');
    await first.getByText('Cases', { exact: true }).click();
    await first.getByText('images T1, FLAIR').first().waitFor();
    await first.getByRole('button', { name: 'Import', exact: true }).click();
    await first.waitFor({ state: 'detached' });
    await desk.caseRow('case_b').waitFor();
    const second = await plan('apart');
    await second.getByRole('checkbox', { name: /on other voxels/ }).check();
    await second.getByRole('button', { name: 'Take all as channels of one case' }).click();
    await second.getByText('All of a file are the channels of one case.').waitFor();
    await second.getByRole('button', { name: 'Import', exact: true }).click();
    await second.waitFor({ state: 'detached' });
    await desk.caseRow('perf').waitFor();
    await expect.poll(stored).toEqual([
      ['case_a', 'T1', 0, 'grid'],
      ['case_a', 'FLAIR', 1, 'grid'],
      ['case_b', 'T1', 0, 'grid'],
      ['case_b', 'FLAIR', 1, 'grid'],
      ['perf', 'volume 1', 0, 'grid'],
      ['perf', 'volume 2', 1, 'grid'],
      ['zeta', '0000', 0, 'grid'],
      ['zeta', '0001', 1, 'hand'],
    ]);
  });

  it('are switched by key, each in its own window, and the probe tells the values of all', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('case_a');
    await shownIs('T1');
    await page.getByLabel('Axial view, T1').waitFor();
    await expect.poll(() => probe().textContent()).toMatch(/T1 \d+\s*FLAIR \d+/);
    const before = await desk.picture('Axial view, T1');
    await page.getByRole('spinbutton', { name: 'Width of the window' }).fill('1234');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await shownIs('FLAIR');
    expect(await page.getByRole('spinbutton', { name: 'Width of the window' }).inputValue()).not.toBe('1234');
    await expect.poll(() => desk.picture('Axial view, FLAIR')).not.toBe(before);
    await page.getByRole('spinbutton', { name: 'Width of the window' }).fill('777');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowLeft');
    await shownIs('T1');
    expect(await page.getByRole('spinbutton', { name: 'Width of the window' }).inputValue()).toBe('1234');
    await images().getByRole('radio', { name: 'FLAIR' }).click();
    await shownIs('FLAIR');
    expect(await page.getByRole('spinbutton', { name: 'Width of the window' }).inputValue()).toBe('777');
    await images().getByRole('radio', { name: 'T1' }).click();
    await shownIs('T1');
  });

  it('lie over each other in colour, and stand beside each other with one crosshair', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.quiet(); // T1 was chosen just now: what is there before it is drawn is FLAIR
    const plain = await desk.picture('Axial view, T1');
    await page.keyboard.press('Shift+B');
    await expect.poll(() => desk.picture('Axial view, T1')).not.toBe(plain);
    await desk.quiet();
    const over = await desk.picture('Axial view, T1');
    await images()
      .getByRole('slider', { name: /^Opacity/ })
      .fill('0.9');
    await expect.poll(() => desk.picture('Axial view, T1')).not.toBe(over);
    await images()
      .getByRole('combobox', { name: /^Colours/ })
      .selectOption('Cividis');
    await images().getByRole('combobox', { name: 'Image over the shown one', exact: true }).selectOption('None');
    await expect.poll(() => desk.picture('Axial view, T1')).toBe(plain);
    await page.keyboard.press('Shift+D');
    await page.getByLabel('Axial view, FLAIR').waitFor();
    await images().getByRole('combobox', { name: 'Plane of the two views' }).selectOption('Coronal');
    await page.getByLabel('Coronal view, FLAIR').waitFor();
    const slices = () =>
      page
        .getByLabel(/^Coronal view/)
        .getByText(/^\d+ \/ 22$/)
        .allTextContents();
    await expect.poll(async () => (await slices()).length).toBe(2);
    const [slice] = await slices();
    await page.getByLabel('Coronal view, FLAIR').hover();
    await page.mouse.wheel(0, 100);
    await expect.poll(async () => (await slices())[0]).not.toBe(slice);
    expect(new Set(await slices()).size).toBe(1);
    await images().getByRole('combobox', { name: 'Image beside the shown one' }).selectOption('None');
    await page.getByLabel('Axial view, T1').waitFor();
    expect(desk.errors).toEqual([]);
  });

  it('are painted over, remembered with their windows, and exported with all channels', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.keyboard.press('b');
    await desk.drag('axial', [
      [0.4, 0.4],
      [0.5, 0.5],
    ]);
    await desk.saved();
    await page.keyboard.press('ArrowRight');
    await shownIs('FLAIR');
    await desk.returnTo('zeta');
    await page.keyboard.press('ArrowRight');
    await shownIs('0001');
    await images().getByText('Place 0001 by hand').click();
    await desk.quiet();
    const before = await desk.picture('Axial view, 0001');
    await images().getByRole('spinbutton', { name: 'Shift left, mm' }).fill('6');
    await images().getByRole('spinbutton', { name: 'Shift back, mm' }).fill('1');
    await images().getByRole('spinbutton', { name: 'Shift up, mm' }).fill('2');
    for (const [axis, degrees] of ['left', 'back', 'up'].entries())
      await images()
        .getByRole('spinbutton', { name: `Turn about the axis to ${degrees}, degrees` })
        .fill(String(5 * axis + 5));
    await images().getByRole('button', { name: 'Place', exact: true }).click();
    await expect.poll(() => desk.picture('Axial view, 0001')).not.toBe(before);
    await expect.poll(() => placedOf('0001')?.slice(0, 1)).toBe('[');
    await images().getByRole('button', { name: 'As its header says' }).click();
    await expect.poll(() => desk.picture('Axial view, 0001')).toBe(before);
    await expect.poll(() => placedOf('0001')).toBe(null);
    await desk.returnTo('case_a');
    await shownIs('T1');
    expect(await page.getByRole('spinbutton', { name: 'Width of the window' }).inputValue()).toBe('1234');
    await page.keyboard.press('ArrowRight');
    await shownIs('FLAIR');
    expect(await page.getByRole('spinbutton', { name: 'Width of the window' }).inputValue()).toBe('777');
    await desk.acceptAsItIs('Control+Enter');
    const { client, socket } = await desk.client();
    const [found] = (await client.library.list({ text: 'case_a' })).cases;
    await client.exports.run({
      format: 'nnunet',
      destination: join(folder, 'out'),
      cases: { kind: 'these', caseIds: [found?.id ?? ''] },
      source: 'mask',
      deidentify: false,
      overwrite: false,
    });
    socket.close();
    for (const [n, value] of [700, 900].entries()) {
      const { volume } = await readImage(join(folder, 'out', 'imagesTr', `case_a_000${String(n)}.nii.gz`));
      expect(Math.max(...volume.data)).toBe(value);
    }
    expect(existsSync(join(folder, 'out', 'labelsTr', 'case_a.nii.gz'))).toBe(true);
    const written = JSON.parse(readFileSync(join(folder, 'out', 'dataset.json'), 'utf8')) as { channel_names: unknown };
    expect(written.channel_names).toEqual({ 0: 'T1', 1: 'FLAIR' });
    expect(desk.errors).toEqual([]);
  });

  it('get another name in all cases, and are chosen for the network', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await images().getByRole('radio', { name: 'FLAIR' }).click();
    await shownIs('FLAIR');
    await images().getByText('Rename FLAIR in all cases').click();
    await images().getByRole('textbox', { name: 'New name of FLAIR' }).fill('T2-FLAIR');
    await images().getByRole('button', { name: 'Rename', exact: true }).click();
    await shownIs('T2-FLAIR');
    await expect.poll(() => stored().filter((row) => (row as unknown[])[1] === 'T2-FLAIR').length).toBe(2);
    const { client, socket } = await desk.client();
    const [zeta] = (await client.library.list({ text: 'zeta' })).cases;
    const { fingerprint } = await client.document.preview({ caseId: zeta?.id ?? '' });
    const { accepted } = await client.document.acceptMany({ cases: [{ caseId: zeta?.id ?? '', fingerprint }], allowEmpty: true });
    socket.close();
    expect(accepted).toHaveLength(1);
    await desk.go('train');
    const choice = page.getByRole('group', { name: 'Images that the network takes' });
    await choice.getByRole('checkbox', { name: /^T1/ }).check();
    await choice.getByText('Without T1: zeta.').waitFor();
    await page.getByText('“T1” is missing in 1 of 2 accepted cases: they are left out.').waitFor();
    await choice.getByRole('combobox', { name: /lack one/ }).selectOption('have zeros in its place');
    await page.getByText('“T1” is missing in 1 of 2 accepted cases: it is 0 there.').waitFor();
    await choice.getByRole('checkbox', { name: /^T2-FLAIR/ }).check();
    await page.getByText('The network takes of each case: T1, T2-FLAIR.').waitFor();
    await choice.getByRole('checkbox', { name: /^T1/ }).uncheck();
    await page.getByText('The network takes of each case: T2-FLAIR.').waitFor();
    expect(await desk.findings()).toEqual([]);
    expect(desk.errors).toEqual([]);
  });
});
