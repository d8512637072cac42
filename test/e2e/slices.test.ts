import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { computeProcessOf } from '../support/children.ts';
import { makeHandProject } from '../support/handProject.ts';
import { writePromptNetwork } from '../support/promptNetwork.ts';
import { syntheticCase } from '../support/syntheticCase.ts';
import { diceOf, readLabelFile } from './days/reader.ts';
import { deskForTests } from './driver.ts';

const size = [65, 60, 48] as const;
const layer = size[0] * size[1];
const { mask: truth } = syntheticCase(size, [4, 4, 5]);
const at = (data: Uint8Array, k: number): Uint8Array => data.subarray(k * layer, (k + 1) * layer);

describe.skipIf(installedBrowser() === null)('through the slices', () => {
  const tests = deskForTests();
  let folder: string;
  let exported = 0;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-slices-'));
    const project = await makeHandProject(folder);
    const { desk } = tests;
    const { client, socket } = await desk.client();
    await client.projects.open({ path: project });
    socket.close();
    await desk.page.reload();
    await desk.ready();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  const bar = () => tests.desk.page.getByRole('group', { name: 'Proposed slice' });
  const number = (): Promise<number> => tests.desk.slice('axial');
  /** A slice is proposed and shown, number so many. */
  const proposedIn = async (slice: number): Promise<void> => {
    await expect.poll(number).toBe(slice);
    await bar()
      .getByRole('status')
      .filter({ hasText: /[\d,]+ voxels? proposed/ })
      .waitFor();
  };
  /** The mask of the open case as an exported file has it. */
  const onDisk = async (): Promise<Uint8Array> => {
    const { desk } = tests;
    await desk.saved();
    const { client, socket } = await desk.client();
    const destination = join(folder, `export ${String(++exported)}`);
    mkdirSync(destination);
    const { cases } = await client.library.list({ text: 'patient 02' });
    const { files } = await client.exports.run({
      format: 'nifti',
      destination,
      cases: { kind: 'these', caseIds: cases.map(({ id }) => id) },
      deidentify: false,
    });
    socket.close();
    return readLabelFile(files.find(({ path }) => path.endsWith('.nii.gz'))?.path ?? '').data;
  };
  /** Draws around the liver as it is in slice `k`, or around what lies to the right of its middle alone, in the axial view that shows it. */
  const outline = async (k: number, half = false): Promise<void> => {
    const { desk } = tests;
    const box = await desk.page.locator('[data-orientation=axial]').boundingBox();
    if (box === null) throw new Error('no view');
    const scale = 1.04 * Math.max((size[0] * 4) / box.width, (size[1] * 4) / box.height);
    const wide = Math.sqrt(1 - ((k / 48 - 0.6) / 0.2) ** 2);
    const path = Array.from({ length: 49 }, (_, n) => {
      const [x, y] = [Math.cos((n / 24) * Math.PI), Math.sin((n / 24) * Math.PI)];
      const place = [65 * (0.36 + 0.17 * wide * (half ? Math.max(0.1, x) : x)), 60 * (0.45 + 0.2 * wide * y)] as const;
      return [0.5 + ((place[0] - 32) * 4) / (scale * box.width), 0.5 + ((place[1] - 29.5) * 4) / (scale * box.height)] as const;
    });
    await desk.drag('axial', path);
  };
  const goTo = async (slice: number): Promise<void> => {
    const { page } = tests.desk;
    await page.getByRole('application', { name: 'Axial view' }).focus();
    for (let n = await number(); n !== slice; n += n < slice ? 1 : -1) await page.keyboard.press(n < slice ? 'ArrowUp' : 'ArrowDown');
    await expect.poll(number).toBe(slice);
  };

  it('one slice is drawn, a key goes through the next ones; on disk they are near the truth, and undo takes back one, bit for bit', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('patient 02');
    await goTo(30);
    await page.keyboard.press('Digit2');
    await page.keyboard.press('l');
    await desk.toolIs('Lasso');
    await outline(29, true); // a neighbour that is locked, where the liver goes on
    await page.getByRole('button', { name: 'Lock Spleen' }).click();
    await page.getByRole('button', { name: 'Lock Spleen', pressed: true }).waitFor();
    await goTo(25);
    await page.keyboard.press('Digit1');
    await outline(24);
    await desk.historyIs(['Lasso: Spleen', 'Lasso: Liver']);
    const drawn = await onDisk();
    expect([diceOf(at(drawn, 24), at(truth.data, 24), 1) > 0.9, at(drawn, 29).includes(2)]).toEqual([true, true]);

    await page.keyboard.press('Shift+ArrowUp');
    await proposedIn(26);
    await desk.screenshot('slices-proposed');
    expect(await desk.findings()).toEqual([]);
    expect(await onDisk()).toEqual(drawn);
    for (let slice = 27; slice <= 31; slice++) {
      await page.keyboard.press('Shift+ArrowUp');
      await proposedIn(slice);
    }
    const steps = ['Lasso: Spleen', 'Lasso: Liver', ...Array.from({ length: 5 }, () => 'Next slice: Liver')];
    await desk.historyIs(steps);
    const five = await onDisk();
    for (let k = 25; k <= 29; k++) {
      if (k !== 29) expect(diceOf(at(five, k), at(truth.data, k), 1)).toBeGreaterThan(0.92);
      expect(at(five, k).map((value) => Number(value === 2))).toEqual(at(drawn, k).map((value) => Number(value === 2)));
    }
    expect([at(five, 29).includes(1), at(five, 30)]).toEqual([true, at(drawn, 30)]); // the sixth is proposed, not taken

    await page.keyboard.press('Control+z');
    await bar().waitFor({ state: 'detached' });
    await desk.historyIs(steps);
    await expect.poll(number).toBe(29);
    const four = await onDisk();
    expect(at(four, 29)).toEqual(at(drawn, 29));
    expect(four.subarray(0, 29 * layer)).toEqual(five.subarray(0, 29 * layer));
    await page.keyboard.press('Control+Shift+Z');
    await expect.poll(onDisk).toEqual(five);
  });

  it('turns round, by its buttons and by the palette; Enter takes one and stays, Esc drops it; it says where it ends', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.keyboard.press('Escape');
    await goTo(25);
    await page.keyboard.press('a');
    await desk.toolIs('Point');
    const panel = page.getByRole('group', { name: 'Through the slices' });
    await panel.getByRole('button', { name: 'Next slice' }).click();
    await proposedIn(26);
    await bar()
      .getByRole('button', { name: /^Other direction/ })
      .click();
    await proposedIn(24);
    await bar()
      .getByRole('button', { name: /^Take and go on/ })
      .click();
    await proposedIn(23);
    await bar()
      .getByRole('button', { name: /^Take Enter/ })
      .click();
    await bar().waitFor({ state: 'detached' });
    await desk.told(/The slice is taken/);
    expect(await number()).toBe(23);
    await panel.getByRole('button', { name: 'Slice before' }).click();
    await proposedIn(22);
    await bar().getByRole('button', { name: /^Drop/ }).click();
    await bar().waitFor({ state: 'detached' });
    expect(at(await onDisk(), 21).includes(1)).toBe(false);
    await goTo(23);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search commands' }).fill('slice before');
    await page.getByRole('option', { name: /^Go on into the slice before/ }).click();
    await proposedIn(22);
    const before = (await desk.said()).length;
    for (let n = 0; n < 30 && (await bar().count()) > 0; n++) {
      const now = await number();
      await page.keyboard.press('Shift+ArrowDown');
      await expect.poll(async () => (await bar().count()) === 0 || (await number()) === now - 1).toBe(true);
      if ((await bar().count()) > 0) await proposedIn(now - 1);
    }
    await desk.told(/^Nothing of “Liver” is found in the next slice\. \d+ slices? w(as|ere) taken\.$/, before);
    const whole = await onDisk();
    for (let k = 21; k <= 23; k++) expect(diceOf(at(whole, k), at(truth.data, k), 1)).toBeGreaterThan(0.8);
    await goTo(2);
    await page.keyboard.press('Shift+ArrowDown');
    await desk.told(/“Liver” is not in this slice/);
  });

  it('a killed compute process costs one proposal and says so; the mask stays, and the key goes on', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const own = join(desk.host.dataFolder, 'prompts');
    mkdirSync(own);
    await writePromptNetwork(own);
    await page.reload();
    await desk.ready();
    await desk.openCase('patient 02');
    await goTo(25);
    await page.keyboard.press('Digit1');
    await page.keyboard.press('Shift+ArrowUp');
    await proposedIn(26);
    await page.keyboard.press('Escape');
    await bar().waitFor({ state: 'detached' });
    const before = await onDisk();
    await goTo(25);
    const compute = computeProcessOf(desk.host.process.pid ?? 0);
    process.kill(compute, 'SIGSTOP');
    await page.keyboard.press('Shift+ArrowUp');
    await page.waitForTimeout(4000); // the question is on its way, and nobody answers
    await bar().getByText('working it out').waitFor();
    process.kill(compute, 'SIGKILL');
    await desk.told(/proposal was lost.*mask is unchanged/);
    await bar().waitFor({ state: 'detached' });
    expect([await number(), await onDisk()]).toEqual([25, before]);
    await page.keyboard.press('Shift+ArrowUp');
    await proposedIn(26);
    await page.keyboard.press('Enter');
    await bar().waitFor({ state: 'detached' });
  });
});
