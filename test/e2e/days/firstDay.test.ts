import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../../support/browser.ts';
import { deskForTests } from '../driver.ts';
import { full, writeMixedFolder, type DayInput } from './inputs.ts';
import { readLabelFile, rowsOf, voxelsOf } from './reader.ts';

/** Clicks that importing a folder with masks may take. */
const IMPORT_CLICKS = 6;

describe.skipIf(installedBrowser() === null)('the first day, by mouse and keys', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  let input: DayInput;
  const project = (): string => join(folder, 'abdomen');
  const statuses = (): Readonly<Record<string, string>> =>
    Object.fromEntries(
      rowsOf<{ readonly name: string; readonly status: string }>(project(), 'SELECT name, status FROM cases ORDER BY name').map(
        ({ name, status }) => [name, status],
      ),
    );
  const inUse = (): string | undefined =>
    rowsOf<{ readonly name: string }>(
      project(),
      'SELECT model.name FROM model JOIN promotion ON model_id = model.id WHERE in_force = 1 ORDER BY sequence DESC LIMIT 1',
    )[0]?.name;
  let opened = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-day-'));
    input = await writeMixedFolder(join(folder, 'incoming'), {
      cases: 8,
      labels: 12,
      size: full ? [160, 150, 120] : [64, 60, 40],
      spacing: full ? [2, 2, 2.5] : [4, 4, 5],
    });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  it('makes a project in a folder that is chosen', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.newProject({ name: 'Abdomen', folder: project(), labels: input.labels }, async (dialog) => {
      await dialog.getByRole('button', { name: 'Choose' }).click();
      await desk.browseTo('Folder of the project', folder);
      const browser = page.getByRole('dialog', { name: 'Folder of the project' });
      await browser.getByRole('button', { name: 'New folder' }).click();
      await browser.getByRole('textbox', { name: 'Name of the new folder' }).fill('abdomen');
      await page.keyboard.press('Enter');
      await expect.poll(() => browser.getByRole('textbox', { name: 'Folder path' }).inputValue()).toBe(project());
      await browser.getByRole('button', { name: 'Choose', exact: true }).click();
      await browser.waitFor({ state: 'detached' });
    });
    expect(existsSync(join(project(), 'library.sqlite'))).toBe(true);
  });

  it(`imports a mixed folder with masks through the dialog, in at most ${String(IMPORT_CLICKS)} clicks, and maps the labels`, async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const before = (await desk.hands()).clicks;
    const plan = await desk.planImport(folder, 'incoming', 'Import a folder');
    await plan.getByText('8 new cases, 5 masks.').waitFor();
    const send = plan.getByRole('button', { name: 'Import', exact: true });
    expect(await send.isDisabled()).toBe(true);
    // The masks have numbers only: the person says that the first two are the other way round, and that all else is right.
    for (const [value, name] of [
      [1, 'Spleen'],
      [2, 'Liver'],
    ] as const) {
      await plan.getByRole('combobox', { name: `Label for value ${String(value)}`, exact: true }).focus();
      await page.keyboard.press('Control+a');
      await page.keyboard.type(name);
    }
    await plan.getByRole('button', { name: 'All are right' }).click();
    await send.click();
    await plan.waitFor({ state: 'detached' });
    expect((await desk.hands()).clicks - before).toBeLessThanOrEqual(IMPORT_CLICKS);
    await desk.told(/^8 cases added, 5 with a mask\.$/);
    await expect.poll(() => desk.caseRow(/./).count()).toBe(8);
    expect(Object.values(statuses()).toSorted()).toEqual([...Array<string>(5).fill('accepted'), ...Array<string>(3).fill('unlabelled')]);
    const images = readdirSync(join(project(), 'images'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      statSync(join(project(), 'images', name)).isFile(),
    );
    expect(images.length).toBeGreaterThanOrEqual(8);
  });

  /** Presses Improve for a minute, or half of one where the day is short. */
  async function improve(): Promise<void> {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.go('train');
    await page.getByRole('radio', { name: /^Custom/ }).click();
    await page.getByLabel('Minutes').fill(full ? '1' : '0.5');
    await page.getByLabel('Minutes').press('Tab');
    await page.locator('button.big:enabled').click();
    await page.locator('.curves canvas').first().waitFor({ timeout: 900_000 });
    await desk.screenshot('training'); // It changes all the time: no picture of it is at rest.
  }
  /** Waits for the verdict. */
  async function improved(): Promise<void> {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.go('train');
    await page.locator('[data-workspace=train][aria-current=page]').waitFor();
    await desk.button('Cancel').waitFor({ state: 'detached', timeout: 900_000 });
    await page.locator('.verdict').waitFor();
    await desk.screenshots('trained');
  }
  async function promote(name: string): Promise<void> {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.button('Show in Models').click();
    await page.getByRole('heading', { name }).waitFor();
    const used = page.locator('.use', { hasText: 'In use' });
    const ask = desk.button('Promote');
    await used.or(ask).first().waitFor();
    if ((await ask.count()) > 0) {
      await ask.click();
      const warned = desk.button('Promote nevertheless');
      await used.or(warned).first().waitFor();
      if ((await warned.count()) > 0) await warned.click();
    }
    await used.waitFor();
    await expect.poll(inUse).toBe(name);
  }

  it('makes a first model from the masks that came with the images', async () => {
    await improve();
    await improved();
    await promote('Model 1');
  }, 1_500_000);

  /** Asked now and then: each question is a connection of its own to a host that computes. */
  const predicted = (name: string): Promise<void> =>
    expect.poll(() => tests.desk.predictedBy(name), { timeout: 480_000, interval: 500 }).toBe('Model 1');

  it('predicts a case that has no mask', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const [name] = rowsOf<{ readonly name: string }>(project(), "SELECT name FROM cases WHERE status = 'unlabelled' ORDER BY name").map(
      (row) => row.name,
    );
    opened = name ?? '';
    await desk.openCase(opened);
    await desk.button('Predict').click();
    await predicted(opened);
    await page.getByRole('checkbox', { name: 'Prediction', checked: true }).waitFor(); // Nothing is corrected yet: it is what there is to see.
    for (const checked of [false, true]) {
      await page.keyboard.press('q');
      await page.getByRole('checkbox', { name: 'Prediction', checked }).waitFor();
    }
  }, 900_000);

  it('predicts the others from the list', async () => {
    const { desk } = tests;
    const others = rowsOf<{ readonly name: string }>(project(), "SELECT name FROM cases WHERE status = 'unlabelled' ORDER BY name").map(
      ({ name }) => name,
    );
    const [first = '', second = ''] = others;
    await desk.go('cases');
    await desk.caseRow(first).click();
    await desk.caseRow(second).click({ modifiers: ['Control'] });
    await desk.page.getByText('2 selected').waitFor();
    await desk.button('Predict').click();
    for (const name of [first, second]) await predicted(name);
    await desk.proved(desk.button('Predict'), 'disk');
    await desk.button('Predict the rest').click();
    for (const { name } of rowsOf<{ readonly name: string }>(project(), 'SELECT name FROM cases')) await predicted(name);
    await desk.go('correct');
    await desk.titled(opened);
  }, 1_500_000);

  it('corrects it with eight tools', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await page.keyboard.press('Digit1');
    const steps: string[] = [];
    for (const [key, radius, step, path] of [
      [
        'b',
        '24',
        'Brush: Liver',
        [
          [0.4, 0.42],
          [0.42, 0.46],
        ],
      ],
      [
        't',
        '12',
        'Threshold brush: Liver',
        [
          [0.44, 0.6],
          [0.48, 0.62],
        ],
      ],
      [
        'e',
        '5',
        'Erase',
        [
          [0.4, 0.42],
          [0.41, 0.44],
        ],
      ],
      [
        'l',
        null,
        'Lasso: Liver',
        [
          [0.3, 0.6],
          [0.36, 0.6],
          [0.33, 0.7],
        ],
      ],
    ] as const) {
      await page.keyboard.press(key);
      if (radius !== null) {
        await page.getByRole('radio', { name: '3D ball' }).click();
        await page.getByRole('spinbutton', { name: 'Radius' }).fill(radius);
        await page.keyboard.press('Enter');
      }
      await desk.drag('axial', path);
      steps.push(step);
      await desk.historyIs(steps);
    }
    await page.keyboard.press('p');
    for (const [x, y] of [
      [0.55, 0.3],
      [0.62, 0.3],
      [0.58, 0.4],
    ] as const)
      await page.mouse.click(...(await desk.at('axial', x, y)));
    await page.keyboard.press('Enter');
    await desk.historyIs([...steps, 'Polygon: Liver']);
    for (const [tool, set] of [
      ['Smooth', 'Radius'],
      ['Grow or shrink', 'Distance'],
      ['Keep largest', null],
    ] as const) {
      await page.getByRole('toolbar', { name: 'Tools' }).getByRole('button', { name: tool, exact: true }).click();
      if (set !== null) {
        await page.getByRole('spinbutton', { name: set }).fill('8');
        await page.keyboard.press('Enter');
      }
      await page.keyboard.press('Enter');
      await desk.told(new RegExp(`^${tool}: Liver:? .*changed`));
    }
    await desk.saved();
  }, 900_000);

  it('accepts it with one key, and the next case opens', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.acceptAsItIs('Shift+A');
    await expect.poll(() => statuses()[opened]).toBe('accepted');
    await expect.poll(() => page.locator('.case h2').textContent()).not.toBe(opened);
  });

  it('improves again, and exports meanwhile: the files hold what was imported and what the window showed', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await improve();
    await desk.returnTo(opened);
    const shown = page.getByRole('button', { name: /go to Liver$/ }).filter({ hasText: /ml/ });
    await expect.poll(async () => Number.parseFloat((await shown.textContent()) ?? '')).toBeGreaterThan(50);
    mkdirSync(join(folder, 'out'));
    await desk.go('export');
    await page
      .getByRole('radio', { name: /^NIfTI/ })
      .first()
      .click();
    await page.getByRole('checkbox', { name: /^Leave out names/ }).uncheck();
    await desk.button('Choose').click();
    await desk.browseTo('Export to', join(folder, 'out'));
    await page.getByRole('dialog', { name: 'Export to' }).getByRole('button', { name: 'Choose', exact: true }).click();
    await expect.poll(() => page.getByPlaceholder('Folder').inputValue()).toBe(join(folder, 'out'));
    await desk.button('Export').click();
    await expect.poll(() => page.getByText('✓ verified').count()).toBeGreaterThanOrEqual(6);
    await desk.screenshots('exported');
    const files = readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.nii.gz'));
    for (const [name, truth] of input.truths) {
      if (!/^patient 0[1-5]/.test(name)) continue;
      const file = files.find((each) => each.includes(name.replaceAll(' ', '_'))); // as file names are written
      expect(file, `${name} of ${files.join()}`).toBeDefined();
      const { size, data } = readLabelFile(join(folder, 'out', file ?? ''));
      expect([size, [...voxelsOf(data)].toSorted(), Buffer.compare(data, truth.data)]).toEqual([
        truth.grid.size,
        [...voxelsOf(truth.data)].toSorted(),
        0,
      ]);
    }
    const volumes = files.map((name) => {
      const { millilitres, data } = readLabelFile(join(folder, 'out', name));
      return Math.round((voxelsOf(data).get(1) ?? 0) * millilitres);
    });
    await desk.go('correct');
    // The volumes follow the last step after a pause.
    await expect.poll(async () => volumes.includes(Math.round(Number.parseFloat((await shown.textContent()) ?? '')))).toBe(true);
  }, 900_000);

  it('compares, promotes and rolls back', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await improved();
    const table = page.locator('.live table tbody tr');
    expect(await table.count()).toBeGreaterThanOrEqual(input.labels.length);
    await promote('Model 2');
    await desk.screenshots('models-filled');
    await desk.button('Roll back').click();
    await desk.told(/^Rolled back/);
    await expect.poll(inUse).toBe('Model 1');
    await page
      .getByRole('button', { name: /^Model 1/ })
      .filter({ hasText: 'in use' })
      .waitFor();
  }, 1_500_000);

  it('finds everything again the next morning', async () => {
    const before = statuses();
    await tests.restart();
    const { desk } = tests;
    await desk.page.locator('.open:enabled').first().click();
    await desk.openCase(opened);
    expect((await desk.history()).slice(0, 5)).toEqual([
      'Brush: Liver',
      'Threshold brush: Liver',
      'Erase',
      'Lasso: Liver',
      'Polygon: Liver',
    ]);
    // Its steps can still be taken back, and made again.
    const last = (await desk.history()).at(-1) ?? '';
    await desk.page.keyboard.press('Control+z');
    await desk.page.locator('[aria-label=History] li.undone', { hasText: last }).waitFor();
    await desk.page.keyboard.press('Control+Shift+Z');
    await expect.poll(() => desk.page.locator('[aria-label=History] li.undone').count()).toBe(0);
    await desk.saved();
    expect([Object.keys(statuses()), inUse()]).toEqual([Object.keys(before), 'Model 1']);
    expect(statuses()).toMatchObject({ ...before, [opened]: expect.stringMatching(/accepted|inCorrection/) as string });
  });

  it('opens a project through the dialog', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.go('start');
    await desk.button(/^Open a project/).click();
    await desk.browseTo('Open a project', project());
    await page.getByRole('dialog', { name: 'Open a project' }).getByRole('button', { name: 'Choose', exact: true }).click();
    await page.locator('[data-workspace=cases][aria-current=page]').waitFor();
    await expect.poll(() => desk.caseRow(/./).count()).toBe(8);
  });

  it('threw nothing in the window', () => {
    expect(tests.desk.errors).toEqual([]);
  });
});
