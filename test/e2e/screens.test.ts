import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makePhantom, phantomLabelSet } from '#shared/domain/phantom.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../support/browser.ts';
import { rampVolume } from '../support/studio.ts';
import { diceOf, readLabelFile } from './days/reader.ts';
import { deskForTests } from './driver.ts';

/** As hospitals and annotators write them. */
const longLabels = [
  'Pancreatic ductal adenocarcinoma, primary tumour with infiltration',
  'Superior mesenteric artery and its first-order branches',
  'Vena cava inferior, infrarenal',
];
const longCase = 'CT Thorax Abdomen portal venous 1.0 Br40 3 follow-up 2024-11-03 after second line chemotherapy, reconstructed';

describe.skipIf(installedBrowser() === null)('every workspace', () => {
  const tests = deskForTests();

  const shown: Record<string, readonly string[]> = {};
  async function look(name: string): Promise<void> {
    await tests.desk.screenshots(name);
    shown[name] = await tests.desk.findings();
  }

  it('is drawn, without a serious accessibility finding', async () => {
    await look('start');
    await tests.desk.openDemo();
    await look('cases');
    await tests.desk.openCase('Phantom 01');
    await tests.desk.page.getByText('Surfaces appear here').waitFor({ state: 'hidden' });
    await tests.desk.page.getByText(/^surfaces \d/).waitFor({ state: 'hidden' });
    await look('correct');
    for (const workspace of ['train', 'models', 'export', 'problems', 'settings']) {
      await tests.desk.go(workspace);
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
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('Phantom 04');
    await page.getByRole('checkbox', { name: 'Prediction' }).and(page.locator(':enabled')).waitFor();
    for (const [name, key] of [
      ['prediction', 'q'],
      ['difference', 'd'],
      ['uncertainty', 'u'],
    ] as const) {
      await page.keyboard.press(key);
      await look(name);
      await page.keyboard.press(key);
    }
    expect(shown).toEqual(Object.fromEntries(Object.keys(shown).map((name) => [name, []])));
  }, 900_000);

  /** Dice of each label of the mask of “Phantom 04” with the truth, as an exported file has it. */
  async function diceWithTruth(): Promise<readonly number[]> {
    const out = mkdtempSync(join(tmpdir(), 'logonet-dice-'));
    const { client, socket } = await tests.desk.client();
    const {
      cases: [found],
    } = await client.library.list({ text: 'Phantom 04' });
    const { files } = await client.exports.run({
      format: 'nifti',
      destination: out,
      cases: { kind: 'these', caseIds: [found?.id ?? ''] },
      source: 'mask',
      deidentify: false,
      overwrite: false,
      values: 'project',
    });
    socket.close();
    const mask = readLabelFile(files.find(({ path }) => path.endsWith('.nii.gz'))?.path ?? '');
    rmSync(out, { recursive: true, force: true });
    const truth = makePhantom({ seed: 9004, resolution: 3 }).labels;
    expect(mask.size).toEqual(truth.grid.size);
    return phantomLabelSet.labels.map(({ value }) => diceOf(mask.data, truth.data, value));
  }
  /** Does it, and says how good the mask is then and what it took. */
  async function counted(what: string, work: () => Promise<void>): Promise<{ readonly mean: number; readonly gestures: number }> {
    const before = await tests.desk.hands();
    await work();
    const after = await tests.desk.hands();
    const [clicks, keys] = [after.clicks - before.clicks, after.keys - before.keys];
    const dice = await diceWithTruth();
    const mean = dice.reduce((sum, value) => sum + value, 0) / dice.length;
    console.log(
      `Demo, “Phantom 04”, ${what}: Dice ${mean.toFixed(3)} (lowest ${Math.min(...dice).toFixed(3)}) after ${String(clicks)} clicks and ${String(keys)} keys.`,
    );
    return { mean, gestures: clicks + keys };
  }

  it('a predicted case of the demo is accepted in a few clicks and keys, looked at label by label', async () => {
    const { desk } = tests;
    const { mean, gestures } = await counted('from its prediction to accepted', async () => {
      await desk.button('Use prediction').click();
      await desk.historyIs(['Use the prediction']);
      await desk.acceptAsItIs('Control+Enter');
    });
    expect(mean).toBeGreaterThan(0.85); // of the shipped model
    expect(gestures).toBeLessThanOrEqual(30);
  });

  it('a predicted case of the demo is corrected to a Dice of .95 by the range of three organs', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.keyboard.press('Control+z');
    await desk.page.locator('[aria-label=History] li.undone').waitFor();
    let steps: readonly string[] = [];
    const step = async (name: string, act: () => Promise<void>): Promise<void> => {
      await act();
      steps = [...steps, name];
      await desk.historyIs(steps);
    };
    /** The tool, its number where it is another than the last, and Enter. */
    const apply = async (tool: string, name: string, field: string, value: string): Promise<void> => {
      await page.keyboard.press(tool);
      const input = page.getByRole('spinbutton', { name: field });
      if ((await input.inputValue()) !== value) {
        await input.click();
        await page.keyboard.press('Control+a');
        await page.keyboard.type(value);
        await page.keyboard.press('Enter');
      }
      await step(name, () => page.keyboard.press('Enter'));
    };
    const sample = async (path: readonly (readonly [number, number])[]): Promise<void> => {
      await page.keyboard.press('j');
      await desk.drag('axial', path);
      await page.getByRole('checkbox', { name: 'Only in range', checked: true }).waitFor();
    };
    const truth = makePhantom({ seed: 9004, resolution: 3 });
    /** Where the hand samples an organ in the axial slice that is shown: along its widest row, and in the fat beside it. */
    const placesOf = async (value: number) => {
      const [ni, nj] = truth.labels.grid.size;
      const seen = async (x: number, y: number): Promise<readonly number[]> => {
        await page.mouse.move(...(await desk.at('axial', x, y)));
        await desk.settled();
        const voxel = /voxel (-?\d+), (-?\d+), (-?\d+)/.exec(
          (await page.getByRole('group', { name: 'Under the pointer' }).textContent()) ?? '',
        );
        return [1, 2, 3].map((at) => Number(voxel?.[at]));
      };
      const [[i0 = 0, j0 = 0, k = 0], [i1 = 0, j1 = 0]] = [await seen(0.3, 0.3), await seen(0.7, 0.7)];
      const at = (i: number, j: number): readonly [number, number] => [
        0.3 + (0.4 * (i - i0)) / (i1 - i0),
        0.3 + (0.4 * (j - j0)) / (j1 - j0),
      ];
      const is = (i: number, j: number): boolean => truth.labels.data[i + ni * (j + nj * k)] === value;
      let widest = { begin: 0, end: 0, j: 0 };
      for (let j = 0; j < nj; j++)
        for (let begin = 0; begin < ni; begin++) {
          let end = begin;
          while (end < ni && is(end, j)) end++;
          if (end - begin > widest.end - widest.begin) widest = { begin, end, j };
        }
      const { begin, end, j } = widest;
      return { inside: [at(begin + 1, j), at(end - 2, j)], beside: [at(begin - 8, j), at(begin - 3, j)] } as const;
    };
    const freely = (): Promise<void> => page.getByRole('checkbox', { name: 'Only in range' }).click();
    const { mean, gestures } = await counted('corrected and accepted', async () => {
      await step('Use the prediction', () => desk.button('Use prediction').click());
      for (const name of ['Kidneys', 'Gallbladder', 'Aorta']) {
        const value = phantomLabelSet.labels.find((label) => label.name === name)?.value ?? 0;
        await page.keyboard.press(`Digit${String(value)}`);
        await page.getByRole('button', { name: new RegExp(`go to ${name}$`) }).click();
        const { inside, beside } = await placesOf(value);
        await sample(inside);
        await apply('g', `Grow or shrink: ${name}`, 'Distance', '5');
        await freely();
        await apply('s', `Smooth: ${name}`, 'Radius', '3');
        if (name !== 'Aorta') continue;
        // What looks like the fat beside it, or half so, goes where it touches the outline.
        await sample(beside);
        await page.getByRole('spinbutton', { name: 'Upper end of the range' }).click();
        await page.keyboard.press('Control+a');
        await page.keyboard.type('70');
        await page.keyboard.press('Enter');
        await apply('g', `Grow or shrink: ${name}`, 'Distance', '-5');
      }
      await desk.acceptAsItIs('Control+Enter');
    });
    expect(mean).toBeGreaterThanOrEqual(0.95);
    expect(gestures).toBeLessThanOrEqual(80);
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

  it('holds long names, refused files and a case without anything', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const folder = mkdtempSync(join(tmpdir(), 'logonet-long-'));
    mkdirSync(join(folder, 'incoming'));
    const image = rampVolume([40, 36, 20]);
    await writeVolume(join(folder, 'incoming', `${longCase}.nii.gz`), image);
    writeFileSync(join(folder, 'incoming', `${longCase}, damaged.nii.gz`), Buffer.from([31, 139, 8, 0, 1, 2, 3]));
    const { client, socket } = await desk.client();
    const palette = ['#e69f00', '#56b4e9', '#009e73'];
    await client.projects.create({
      path: join(folder, 'project'),
      name: `${longCase} (project)`,
      labels: longLabels.map((name, index) => ({ value: index + 1, name, color: palette[index] ?? '#ffffff', locked: false })),
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
      await look(`long-${workspace}`);
    }
    await desk.go('start');
    await look('long-start');
    expect(shown).toEqual(Object.fromEntries(Object.keys(shown).map((name) => [name, []])));
    rmSync(folder, { recursive: true, force: true });
  }, 900_000);

  it('threw nothing in the window', () => {
    expect(tests.desk.errors).toEqual([]);
  });
});
