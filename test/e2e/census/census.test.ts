import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { installedBrowser } from '../../support/browser.ts';
import { makeHandProject } from '../../support/handProject.ts';
import { syntheticCase } from '../../support/syntheticCase.ts';
import { censusFolder, deskForTests } from '../driver.ts';
import { effectOf, nextControl, press, Probes } from './press.ts';
import { unpressed } from './unpressed.ts';

/** Pressed in other files, where what they need is there; in a run of all files that is checked. */
const elsewhere: Readonly<Record<string, readonly RegExp[]>> = {
  'crash, the first day: they take a model, a crash or a minute': [
    /\| Demo project/,
    /\| Predict$/,
    /\| Predict the rest$/,
    /\| Improve$/,
    /\| Improve the model$/,
  ],
  'the first day: a folder of its own': [/\| Export$/, /“Import files or a folder” \| button \| Import/],
  'carry, daily: they open another project, or take a case away for good': [
    /\| Unpack and open$/,
    /“Remove this case for good\?” \| button \| Remove/,
  ],
};
const isElsewhere = (key: string): boolean => Object.values(elsewhere).some((patterns) => patterns.some((pattern) => pattern.test(key)));

/** Files of tests that a run of all of them has at least. */
const FILES = 8;

interface Earlier {
  readonly seen: readonly string[];
  readonly pressed: readonly (readonly [string, string])[];
  readonly nameless: readonly string[];
}
function readEarlier(): readonly Earlier[] {
  mkdirSync(censusFolder, { recursive: true });
  return readdirSync(censusFolder).map((file) => JSON.parse(readFileSync(join(censusFolder, file), 'utf8')) as Earlier);
}

/** A scan with a mask that names nothing, one of two volumes, and one that cannot be read. */
async function writeUnsure(folder: string): Promise<void> {
  for (const part of ['images', 'labels']) mkdirSync(join(folder, part), { recursive: true });
  const { image, mask } = syntheticCase([40, 36, 20], [6, 6, 8]);
  await writeVolume(join(folder, 'images', 'unsure.nii.gz'), image);
  await writeVolume(join(folder, 'labels', 'unsure.nii.gz'), mask);
  await writeVolume(join(folder, 'two.nii'), image);
  const bytes = readFileSync(join(folder, 'two.nii'));
  bytes.writeInt16LE(4, 40);
  bytes.writeInt16LE(2, 48);
  writeFileSync(join(folder, 'two.nii'), Buffer.concat([bytes, bytes.subarray(bytes.readFloatLE(108))]));
  writeFileSync(join(folder, 'broken.nii.gz'), Buffer.from([31, 139, 8, 0, 1, 2, 3]));
}
/** A case of two images. */
async function writeChannels(folder: string): Promise<void> {
  mkdirSync(join(folder, 'imagesTr'), { recursive: true });
  const { image } = syntheticCase([40, 36, 24], [6, 6, 8]);
  await writeVolume(join(folder, 'imagesTr', 'several_0000.nii.gz'), image);
  await writeVolume(join(folder, 'imagesTr', 'several_0001.nii.gz'), { ...image, data: image.data.map((value) => -value) });
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ channel_names: { 0: 'T1', 1: 'FLAIR' }, labels: { background: 0 } }));
}

interface State {
  readonly name: string;
  readonly enter: () => Promise<void>;
}

/** Until its list of what is unpressed has been written in a whole run, it is a run of its own. */
const wanted = process.env['LOGONET_CENSUS'] !== undefined;
const because = wanted ? '' : ' (skipped: only by npm run census)';

describe.skipIf(!wanted || installedBrowser() === null)(`every control${because}`, () => {
  const tests = deskForTests();
  let folder: string;
  let probes: Probes;
  /** What changed, by control. */
  const effects = new Map<string, string>();
  const findings: string[] = [];
  const elsewhereSeen = new Set<string>();
  let unlocked = false;
  /** What the files before this one have seen and pressed. */
  const earlier = readEarlier();
  const before = new Map(earlier.flatMap(({ pressed }) => pressed));
  const page = () => tests.desk.page;
  const tool = (name: string) => page().getByRole('toolbar', { name: 'Tools' }).getByRole('button', { name, exact: true });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-census-'));
    await makeHandProject(folder);
    mkdirSync(join(folder, 'more', 'inner'), { recursive: true });
    mkdirSync(join(folder, 'other'));
    const other = await makeHandProject(join(folder, 'other'));
    await writeUnsure(join(folder, 'unsure'));
    await writeChannels(join(folder, 'channels'));
    await openHandProject();
    const { client, socket } = await tests.desk.client();
    await client.library.import({ sources: [join(folder, 'channels')] });
    await client.library.mergeReadings({ path: other, reader: 'Berta' });
    await client.projects.pack({ path: join(folder, 'packed.logonet') });
    const broken = ['one', 'two', 'three'].map((name) => join(folder, 'more', `${name}.nii.gz`));
    for (const path of broken) writeFileSync(path, Buffer.from([31, 139, 8, 0, 1, 2, 3]));
    await client.library.import({ sources: broken });
    socket.close();
    probes = new Probes(page(), join(folder, 'project'), tests.desk.host.dataFolder);
    await page().setViewportSize({ width: 960, height: 600 });
  });
  afterAll(() => {
    probes.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  async function openHandProject(): Promise<void> {
    const { client, socket } = await tests.desk.client();
    await client.projects.open({ path: join(folder, 'project') });
    socket.close();
    await page().reload();
    await tests.desk.ready();
  }
  /** Labels that may be changed, in a window whose tools are as at the start, whatever was pressed before. */
  async function unlockLabels(): Promise<void> {
    const { client, socket } = await tests.desk.client();
    const { project } = await client.projects.current({});
    await client.projects.setLabels({ labels: (project?.labels ?? []).map((label) => ({ ...label, locked: false })) });
    socket.close();
    await openHandProject();
  }
  /** Nothing is open over the window, and the project is. */
  async function home(workspace: string): Promise<void> {
    for (let n = 0; n < 4 && (await page().locator('dialog').count()) > 0; n++) await page().keyboard.press('Escape');
    if (await page().locator('[data-workspace=cases]').isDisabled()) await openHandProject();
    await tests.desk.go(workspace);
    await page().locator(`[data-workspace=${workspace}][aria-current=page]`).waitFor();
  }
  async function inCase(name: string): Promise<void> {
    await home('correct');
    if ((await page().locator('.case h2').allTextContents())[0] !== name) {
      await home('cases');
      await page().getByRole('searchbox').fill('');
      await page().getByRole('radiogroup', { name: 'Status' }).getByRole('radio').first().click();
      await tests.desk.caseRow(name).dblclick();
      await tests.desk.titled(name);
    }
    await page().getByRole('combobox', { name: 'Layout' }).selectOption('Four views');
  }
  async function chooseTwo(): Promise<void> {
    await home('cases');
    await page().getByRole('searchbox').fill('');
    await page().getByRole('radiogroup', { name: 'Status' }).getByRole('radio').first().click();
    await tests.desk.caseRow(/./).first().click();
    await tests.desk
      .caseRow(/./)
      .nth(1)
      .click({ modifiers: ['Control'] });
    await page().getByText('2 selected').waitFor();
  }
  const palette = async (command: string): Promise<void> => {
    await page().keyboard.press('Control+k');
    await page().locator('dialog input:focus').waitFor();
    await page().keyboard.type(command);
  };

  const states: readonly State[] = [
    { name: 'start', enter: () => home('start') },
    {
      name: 'new project',
      enter: async () => {
        await home('start');
        await tests.desk.button(/^New project/).click();
      },
    },
    {
      name: 'choose a folder',
      enter: async () => {
        await home('start');
        await tests.desk.button(/^Open a project/).click();
        await page().getByRole('textbox', { name: 'Folder path' }).fill(folder);
        await page().keyboard.press('Enter');
        await page()
          .getByRole('list', { name: `Contents of ${folder}` })
          .waitFor();
      },
    },
    {
      name: 'cases',
      enter: async () => {
        await home('cases');
        await page().getByRole('searchbox').fill('');
        await page().getByRole('radiogroup', { name: 'Status' }).getByRole('radio').first().click();
        await tests.desk.caseRow(/./).first().click();
      },
    },
    { name: 'several cases', enter: chooseTwo },
    {
      name: 'no case matches',
      enter: async () => {
        await home('cases');
        await page().getByRole('searchbox').fill('nothing of this name');
        await page().getByRole('heading', { name: 'No case matches' }).waitFor();
      },
    },
    {
      name: 'files to import',
      enter: async () => {
        await home('cases');
        await page().keyboard.press('Control+i');
        await page().getByRole('textbox', { name: 'Folder path' }).fill(folder);
        await page().keyboard.press('Enter');
        await page()
          .getByRole('list', { name: `Contents of ${folder}` })
          .waitFor();
      },
    },
    {
      name: 'what will be imported',
      enter: async () => {
        await home('cases');
        await page().keyboard.press('Control+i');
        await page().getByRole('textbox', { name: 'Folder path' }).fill(join(folder, 'incoming'));
        await page().keyboard.press('Enter');
        await page()
          .getByRole('list', { name: `Contents of ${join(folder, 'incoming')}` })
          .waitFor();
        await page().getByRole('button', { name: 'Import', exact: true }).last().click();
        await page().getByRole('dialog', { name: 'What will be imported' }).waitFor();
      },
    },
    { name: 'a case', enter: () => inCase('patient 01') },
    {
      name: 'a label to remove',
      enter: async () => {
        await inCase('patient 01');
        await page().keyboard.press('Delete');
        await tests.desk.dialog();
      },
    },
    {
      name: 'accepting without what was predicted',
      enter: async () => {
        await inCase('patient 02');
        await page().keyboard.press('Control+Enter');
        await tests.desk.dialog();
      },
    },
    {
      name: 'a preview',
      enter: async () => {
        if (!unlocked) await unlockLabels();
        unlocked = true;
        await inCase('mirrored');
        await page().keyboard.press('Digit1');
        await tool('Grow or shrink').click();
        await page().getByRole('spinbutton', { name: 'Distance' }).fill('8');
        await page().keyboard.press('Enter');
        await page().keyboard.press('Shift+Enter');
        await page().getByRole('group', { name: 'Preview' }).waitFor();
      },
    },
    { name: 'several images', enter: () => inCase('several') },
    {
      name: 'an empty mask to accept',
      enter: async () => {
        await inCase('several');
        await page().keyboard.press('Control+Enter');
        await tests.desk.dialog();
      },
    },
    {
      name: 'a mask that was not looked at',
      enter: async () => {
        await inCase('patient 02'); // What was shown of a case is forgotten when it is left.
        await inCase('mirrored');
        await page().keyboard.press('Control+Enter');
        await tests.desk.dialog();
      },
    },
    {
      name: 'no case is open',
      enter: async () => {
        if ((await page().locator('.case h2').count()) > 0) {
          await home('cases');
          await palette('Close the project');
          await page().keyboard.press('Enter');
          await page().locator('[data-workspace=start][aria-current=page]').waitFor();
          await openHandProject();
        }
        await home('correct');
      },
    },
    {
      name: 'several cases to accept',
      enter: async () => {
        await chooseTwo();
        await tests.desk.button('Accept').click();
        await tests.desk.dialog();
      },
    },
    {
      name: 'a case to remove',
      enter: async () => {
        await home('cases');
        await tests.desk.caseRow('mirrored').click();
        await tests.desk.button(/^Remove for good/).click();
        await tests.desk.dialog();
      },
    },
    {
      name: 'second readings',
      enter: async () => {
        await home('cases');
        await tests.desk.button('Second readings').click();
        await tests.desk.dialog();
        await page().getByRole('table', { name: 'Agreement by case' }).waitFor();
      },
    },
    {
      name: 'a project to carry',
      enter: async () => {
        await home('start');
        await tests.desk.button(/^Carry/).click();
        await tests.desk.dialog();
      },
    },
    {
      name: 'a project to unpack',
      enter: async () => {
        await home('start');
        await tests.desk.button('Open a packed project…').click();
        await tests.desk.browseTo('Open a packed project', folder);
        const browser = page().getByRole('dialog', { name: 'Open a packed project' });
        await browser.getByRole('checkbox', { name: 'Choose packed.logonet' }).check();
        await browser
          .getByRole('button', { name: /^Choose/ })
          .last()
          .click();
        await page().getByRole('dialog', { name: 'Unpack a project' }).waitFor();
      },
    },
    {
      name: 'what is not sure in an import',
      enter: async () => {
        await home('cases');
        await tests.desk.planImport(folder, 'unsure');
        await page().getByRole('dialog', { name: 'What will be imported' }).waitFor();
      },
    },
    { name: 'train', enter: () => home('train') },
    { name: 'models', enter: () => home('models') },
    {
      name: 'a model that is no gain',
      enter: async () => {
        await home('models');
        await page()
          .getByRole('button', { name: /^Model 2/ })
          .click();
        await tests.desk.button('Promote').click();
        await page().getByRole('alert').waitFor();
      },
    },
    { name: 'export', enter: () => home('export') },
    { name: 'problems', enter: () => home('problems') },
    {
      name: 'images that were moved',
      enter: async () => {
        await home('problems');
        await tests.desk.button('Relink images…').click();
        await tests.desk.dialog();
      },
    },
    { name: 'settings', enter: () => home('settings') },
    { name: 'commands', enter: () => palette('go to') },
    {
      name: 'keys',
      enter: async () => {
        await home('cases');
        await page().keyboard.press('Shift+?');
        await tests.desk.dialog();
      },
    },
  ];

  /** Presses what has not been pressed in a state, and enters it again where a press has led away. */
  async function walk({ name, enter }: State): Promise<void> {
    await enter();
    await tests.desk.quiet();
    findings.push(...(await tests.desk.findings()).map((finding) => `${name}: ${finding}`));
    /** How often each was tried: what went while the hand was on its way to it is tried once more. */
    const tried = new Map<string, number>();
    const where = (): Promise<string> =>
      page().evaluate(
        () =>
          `${[...document.querySelectorAll('dialog[open]')].at(-1)?.getAttribute('aria-label') ?? ''}|${document.querySelector('main')?.getAttribute('aria-label') ?? ''}|${document.querySelector('h1, h2')?.textContent ?? ''}`,
      );
    const here = await where();
    for (let turn = 0; turn < 300; turn++) {
      const pressed = [...before, ...tests.desk.census.pressed, ...effects].filter(([, effect]) => effect !== '' && effect !== 'own');
      const next = await nextControl(page(), [
        ...pressed.map(([key]) => key),
        ...elsewhereSeen,
        ...[...tried].filter(([, times]) => times > 1).map(([key]) => key),
      ]);
      if (next === null) return;
      if (isElsewhere(next.key)) {
        elsewhereSeen.add(next.key);
        continue;
      }
      const effect = await effectOf(page(), probes, next.handle, () => press(page(), next.handle)).catch(
        (error: unknown) => `failed: ${String(error).split('\n')[0] ?? ''}`,
      );
      tried.set(next.key, (tried.get(next.key) ?? 0) + (effect.startsWith('failed') ? 1 : 2));
      if (effect.startsWith('failed')) console.log(`${name}: ${next.key}: ${effect}`);
      else if (effect !== '' || !effects.has(next.key)) effects.set(next.key, effect);
      if ((await where()) !== here || (await page().locator('[aria-label=Preview]').count()) > 0) await enter();
      await tests.desk.quiet({ drawn: false });
    }
  }

  /** These change the masks of every case: last. */
  const lastStates: readonly State[] = [
    {
      name: 'a label in all cases',
      enter: async () => {
        await inCase('patient 01');
        await page()
          .getByRole('region', { name: 'Labels', exact: true })
          .getByRole('button', { name: /^Change .* everywhere$/ })
          .first()
          .click();
        await tests.desk.dialog();
      },
    },
    {
      name: 'the history of the project',
      enter: async () => {
        await home('cases');
        await page().keyboard.press('Alt+h');
        await tests.desk.dialog();
      },
    },
  ];

  it.each(states)('$name', { timeout: 1_800_000 }, walk);

  it('of every tool, by mouse', async () => {
    const names = await inCase('patient 01').then(() =>
      page()
        .getByRole('toolbar', { name: 'Tools' })
        .getByRole('button')
        .evaluateAll((buttons) => buttons.map((button) => button.getAttribute('aria-label') ?? button.textContent.trim())),
    );
    for (const name of names)
      await walk({
        name: `the tool ${name}`,
        enter: async () => {
          await inCase('patient 01');
          await tool(name).click();
        },
      });
  }, 1_800_000);

  it.each(lastStates)('$name', { timeout: 1_800_000 }, walk);

  it('has a name, does something when it is pressed, and is accessible', () => {
    const { census } = tests.desk;
    const seen = new Set(census.seen);
    const pressed = new Map([...census.pressed, ...[...effects].filter(([, effect]) => effect !== '')]);
    const nameless = new Set(census.nameless);
    for (const other of earlier) {
      other.seen.forEach((key) => seen.add(key));
      other.pressed.forEach(([key, effect]) => pressed.set(key, effect));
      other.nameless.forEach((control) => nameless.add(control));
    }
    const left = [...seen].filter((key) => !pressed.has(key) && (earlier.length >= FILES || !isElsewhere(key))).toSorted();
    writeFileSync(
      join(censusFolder, '..', 'census.txt'),
      [...seen]
        .toSorted()
        .map((key) => `${pressed.get(key) ?? 'UNPRESSED'}\t${key}\n`)
        .join(''),
    );
    console.log(`Census: ${String(seen.size)} controls, ${String(seen.size - left.length)} pressed with an effect.`);
    expect({ nameless: [...nameless], findings, errors: tests.desk.errors }).toEqual({ nameless: [], findings: [], errors: [] });
    expect(left).toEqual(unpressed);
  });
});
