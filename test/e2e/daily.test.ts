import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMaskFile } from '#main/document/index.ts';
import { latestMaskRevision, listCases, openProjectReadOnly } from '#main/library/index.ts';
import { installedBrowser } from '../support/browser.ts';
import { makeHandProject } from '../support/handProject.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null)('what daily work needs', () => {
  const tests = deskForTests();
  let folder: string;
  const project = (): string => join(folder, 'project');
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-daily-'));
    await makeHandProject(folder);
    await tests.desk.showProject(project());
    await tests.desk.go('cases');
    await tests.desk.caseRow('patient 01').waitFor();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  /** Label values of the newest accepted mask, as the file on disk has them. */
  async function accepted(name: string): Promise<number[]> {
    const library = openProjectReadOnly(project());
    try {
      const revision = latestMaskRevision(library.read, listCases(library.read, { text: name }).cases[0]?.id ?? '');
      const { data } = await readMaskFile(library.paths.inside(revision?.path ?? ''));
      return [...new Set(data as Uint8Array)].filter((value) => value > 0).sort((a, b) => a - b);
    } finally {
      library.close();
    }
  }
  const dialog = (name: string | RegExp) => tests.desk.page.getByRole('dialog', { name });

  it('a label is turned into another everywhere, from its list, and the step is taken back', async () => {
    const { desk } = tests;
    await desk.openCase('patient 01');
    const before = await accepted('mirrored');
    expect(before).toContain(1);
    const list = desk.page.getByRole('region', { name: 'Labels', exact: true });
    const first = (await list.locator('button.name span').first().textContent()) ?? '';
    await list.getByRole('button', { name: `Change ${first} everywhere` }).click();
    const ask = dialog(`“${first}” in all cases`);
    await ask.getByRole('list', { name: 'Cases that hold it' }).waitFor();
    await ask.getByLabel('What becomes of it').selectOption({ index: 1 });
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('daily-everywhere');
    await ask.getByRole('button', { name: /^Turn into/ }).click();
    await ask.waitFor({ state: 'detached' });
    await desk.told(/turned into .* in 2 cases/);
    expect(await accepted('mirrored')).toEqual(before.filter((value) => value !== 1));
    await desk.titled('patient 01'); // It was closed for that, and is back.
    await desk.page.keyboard.press('Alt+h');
    await dialog('History of the project').getByRole('list', { name: 'Steps of the project' }).getByText('everywhere').waitFor();
    await desk.screenshot('daily-history');
    expect(await desk.findings()).toEqual([]);
    await dialog('History of the project')
      .getByRole('button', { name: /^Take back/ })
      .click();
    await desk.told(/^Taken back/);
    await expect.poll(() => accepted('mirrored')).toEqual(before);
    await desk.closeDialog();
  });

  it('a distance, an angle and an area are measured, kept with the case and exported', async () => {
    const { desk } = tests;
    await desk.returnTo('patient 01');
    await desk.page.keyboard.press('m');
    await desk.drag('axial', [
      [0.3, 0.5],
      [0.6, 0.5],
    ]);
    await desk.page.keyboard.press('Shift+M');
    for (const [x, y] of [
      [0.3, 0.3],
      [0.3, 0.6],
      [0.6, 0.6],
    ] as const)
      await desk.page.mouse.click(...(await desk.at('axial', x, y)));
    await desk.page.getByRole('button', { name: 'Area', exact: true }).click();
    await desk.drag('axial', [
      [0.4, 0.4],
      [0.6, 0.4],
      [0.6, 0.6],
      [0.4, 0.6],
    ]);
    const panel = desk.page.getByRole('region', { name: 'Measurements' });
    await panel.getByRole('button', { name: /^Area 3 .* mm²$/ }).waitFor();
    await panel.getByRole('button', { name: /^Angle 2 90\.\d°$/ }).waitFor();
    // Each leads back to where it was taken, whatever slice is shown.
    const slice = await desk.slice('axial');
    for (const name of [/^Distance 1/, /^Angle 2/, /^Area 3/]) {
      await desk.page.getByRole('slider', { name: 'axial slice' }).fill('3');
      await expect.poll(() => desk.slice('axial')).toBe(3);
      await panel.getByRole('button', { name }).click();
      await expect.poll(() => desk.slice('axial')).toBe(slice);
    }
    await desk.screenshot('daily-measurements');
    await desk.page.reload();
    await desk.ready();
    await panel.getByRole('button', { name: /^Distance 1/ }).waitFor();
    await desk.go('export');
    await desk.page.getByRole('radio', { name: /^Measurements/ }).click();
    await desk.page.getByRole('radio', { name: 'The open case' }).click();
    await desk.page.getByLabel('Destination').fill(join(folder, 'out'));
    await desk.button('Export').click();
    await desk.told(/2 of 2 files written/);
    const lines = readFileSync(join(folder, 'out', 'measurements.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(lines.map((line) => line.split(',')[1])).toEqual(['kind', 'distance', 'angle', 'area']);
    const table = (await desk.page.getByText('Who is who').textContent()) ?? '';
    expect(readFileSync(table.split(': ')[1] ?? '', 'utf8')).toContain('patient 01');
    await desk.go('correct');
    await panel.getByRole('button', { name: 'Remove area 3' }).click();
    await expect.poll(() => panel.getByRole('listitem').count()).toBe(2);
  });

  it('slices are moved by their bar and played', async () => {
    const { desk } = tests;
    await desk.go('correct');
    await desk.titled('patient 01');
    const bar = desk.page.getByRole('slider', { name: 'axial slice' });
    await bar.fill('5');
    await expect.poll(() => desk.slice('axial')).toBe(5);
    const play = desk.page.getByRole('button', { name: 'Play the axial slices' });
    await play.click();
    await expect.poll(() => desk.slice('axial')).not.toBe(5);
    await play.click();
    const stopped = await desk.slice('axial');
    await desk.settled();
    expect(await desk.slice('axial')).toBe(stopped);
  });

  it('the 3D view is turned by its cube, and scissors cut through the whole depth', async () => {
    const { desk } = tests;
    await desk.go('correct');
    await desk.titled('patient 01');
    await desk.page.getByRole('application', { name: '3D view' }).waitFor();
    const cube = desk.page.getByRole('group', { name: 'Look from' });
    await cube.getByRole('button', { name: 'Look from front' }).click();
    await desk.settled();
    await desk.screenshot('daily-cube');
    await desk.page.keyboard.press('Shift+X');
    await desk.toolIs('Scissors in 3D');
    await desk.page.getByRole('radio', { name: 'Visible labels' }).click();
    await desk.drag(
      '3D',
      [
        [0.2, 0.2],
        [0.55, 0.2],
        [0.55, 0.8],
        [0.2, 0.8],
      ],
      { steps: 6 },
    );
    await expect.poll(async () => (await desk.history()).at(-1)).toMatch(/^Scissors: visible labels/);
    await desk.screenshot('daily-scissors');
    await desk.page.keyboard.press('Control+z');
    await desk.page.getByRole('button', { name: 'Hollow', exact: true }).click();
    await desk.page
      .getByRole('button', { name: /^Apply/ })
      .first()
      .click();
    await desk.told(/Hollow: .*: [\d,]+ voxels changed/);
    await desk.page.keyboard.press('Control+z');
    await desk.saved();
  });

  it('a key is changed, its clash is named, and it is kept', async () => {
    const { desk } = tests;
    await desk.go('settings');
    const keys = desk.page.getByRole('region', { name: 'Keys', exact: true });
    await keys.getByRole('searchbox').fill('crosshair');
    const show = keys.getByRole('button', { name: /^Key of Show or hide the crosshair/ });
    await show.click();
    await desk.page.keyboard.press('b');
    await keys.getByRole('alert').getByText('belongs to “Brush”').waitFor();
    await keys.getByRole('button', { name: 'Leave it' }).click();
    const remembered = async (): Promise<unknown> => {
      const { client, socket } = await desk.client();
      const { value } = await client.settings.recall({ key: 'keys' });
      socket.close();
      return value;
    };
    await show.click();
    await desk.page.keyboard.press('b');
    await keys.getByRole('button', { name: 'Take it from there' }).click();
    await expect.poll(() => show.textContent()).toBe('B');
    await expect.poll(remembered).toMatch(/^\{"[^"]*brush":"","crosshair":"b"\}$/);
    await keys.getByRole('button', { name: 'All as they were' }).click();
    await expect.poll(remembered).toBe('{}');
    await show.click();
    await desk.page.keyboard.press('F8');
    await expect.poll(() => show.textContent()).toBe('F8');
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('daily-keys');
    await expect.poll(remembered).toBe('{"crosshair":"F8"}');
    await desk.page.reload();
    await desk.ready();
    await desk.go('correct');
    await desk.titled('patient 01');
    const crosshair = desk.page.getByRole('button', { name: 'Crosshair', exact: true }).first();
    const line = desk.page.locator('[data-orientation=axial] line.crosshair').first();
    await line.waitFor({ state: 'attached' }); // A line without height is never “visible”.
    await desk.page.keyboard.press('F8');
    await line.waitFor({ state: 'detached' });
    await crosshair.waitFor();
    await desk.page.keyboard.press('F8');
  });

  it('the room on the disk is measured and cleaned', async () => {
    const { desk } = tests;
    await desk.go('settings');
    const panel = desk.page.getByRole('region', { name: 'Room on the disk' });
    await panel.getByRole('button', { name: 'Measure' }).click();
    await panel.getByRole('row', { name: /^Images/ }).waitFor();
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('daily-disk');
    const clean = panel.getByRole('button', { name: /^Clean:/ }).first();
    if ((await clean.count()) > 0) {
      await clean.click();
      await desk.told(/freed in/);
    }
  });

  it('a project begins with the labels of a template', async () => {
    const { desk } = tests;
    await desk.go('start');
    await desk
      .button(/^New project|^Create/)
      .first()
      .click();
    const create = dialog('New project');
    await create.getByLabel('Begin with the labels of').selectOption('totalsegmentator');
    await create.getByText('Apache License 2.0').waitFor();
    expect(await create.getByRole('list', { name: 'Colours of the labels' }).getByRole('listitem').count()).toBe(117);
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('daily-template');
    await desk.closeDialog();
  });

  it('what is dropped into a browser is refused with the reason', async () => {
    const { desk } = tests;
    await desk.go('cases');
    await desk.page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['x'], 'scan.nii'));
      for (const type of ['dragenter', 'dragover', 'drop'])
        window.dispatchEvent(new DragEvent(type, { dataTransfer, cancelable: true, bubbles: true }));
    });
    await desk.told(/does not say where a dropped file lies/);
  });

  it('slices that are done are told from the others, and the accepted mask says so', async () => {
    const { desk } = tests;
    await desk.openCase('mirrored');
    const before = await accepted('mirrored');
    await desk.page.getByRole('button', { name: 'Done here', exact: true }).click();
    const apply = desk.page.getByRole('button', { name: /^Apply/ }).first();
    await apply.click();
    const told = desk.message(/Add a label and name it “ignore” first/);
    await told.waitFor();
    await desk.page.getByLabel('Messages').getByRole('button', { name: 'Dismiss' }).first().click();
    await told.waitFor({ state: 'detached' });
    const list = desk.page.getByRole('region', { name: 'Labels', exact: true });
    await list.getByRole('button', { name: 'Add', exact: true }).click();
    await list.getByRole('textbox', { name: 'Name of the label' }).fill('ignore');
    await desk.page.keyboard.press('Enter');
    await list.getByRole('button', { name: /^ignore/ }).waitFor();
    await desk.page.getByRole('spinbutton', { name: 'On either side' }).fill('3');
    await desk.page.keyboard.press('Enter');
    await desk.page.getByRole('checkbox', { name: 'Ignore labels elsewhere, too' }).click();
    expect(await desk.findings()).toEqual([]);
    await apply.click();
    await desk.told(/Done here: [\d,]+ voxels changed/);
    await desk.screenshot('daily-done-here');
    await desk.page.getByRole('combobox', { name: 'Done' }).selectOption('First to last labelled');
    await apply.click();
    await desk.page.getByRole('combobox', { name: 'Done' }).selectOption('Slice shown');
    await desk.saved();
    await desk.acceptAsItIs('Control+Enter');
    await expect.poll(() => accepted('mirrored')).toContain(5);
    await desk.openCase('mirrored');
    await desk.page.getByRole('combobox', { name: 'Done' }).selectOption('All slices');
    await apply.click();
    await desk.saved();
    await desk.acceptAsItIs('Control+Enter');
    await expect.poll(async () => (await accepted('mirrored')).filter((value) => !before.includes(value))).toEqual([]);
  });

  it('a case is removed for good, once it was shown what goes', async () => {
    const { desk } = tests;
    await desk.go('cases');
    await desk.caseRow('patient 02').click();
    await desk.button('Remove for good…').click();
    const ask = dialog('Remove this case for good?');
    await ask.getByRole('list', { name: 'What goes' }).waitFor();
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('daily-remove');
    const cases = readdirSync(join(project(), 'cases')).length;
    await ask.getByRole('button', { name: 'Cancel' }).click();
    expect(readdirSync(join(project(), 'cases'))).toHaveLength(cases);
    await desk.button('Remove for good…').click();
    await ask.getByRole('button', { name: 'Remove for good' }).click();
    await desk.told(/^1 case was removed for good/);
    await expect.poll(() => desk.caseRow('patient 02').count()).toBe(0);
    expect(readdirSync(join(project(), 'cases'))).toHaveLength(cases - 1);
    expect([desk.errors, await desk.failures()]).toEqual([[], []]);
  });
});
