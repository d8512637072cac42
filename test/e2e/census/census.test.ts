import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tools } from '#renderer/tools/registry.ts';
import { installedBrowser } from '../../support/browser.ts';
import { makeHandProject } from '../../support/handProject.ts';
import { censusFolder } from '../desk/openWindow.ts';
import { deskForTests } from '../driver.ts';
import { addShapes, unreadable, writeChannels, writeUnsure } from './inputs.ts';
import { effectOf, nextControl, press, Probes } from './press.ts';
import { keepsCensus } from './recorder.ts';
import { Room } from './room.ts';
import { lastStates, states, type State } from './states.ts';
import { unpressed } from './unpressed.ts';

/** Pressed in other files, where what they need is there; in a run of all files that is checked. */
const elsewhere: Readonly<Record<string, readonly RegExp[]>> = {
  'crash, the first day: they take a model, a crash or a minute': [
    /\| Demo project/,
    /^Correct \| button \| Predict$/,
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

/** Until its list of what is unpressed has been written in a whole run, it is a run of its own. */
const because = keepsCensus ? '' : ' (skipped: only by npm run census)';

describe.skipIf(!keepsCensus || installedBrowser() === null)(`every control${because}`, () => {
  const tests = deskForTests();
  let room: Room;
  let probes: Probes;
  /** What changed, by control. */
  const effects = new Map<string, string>();
  const findings: string[] = [];
  const elsewhereSeen = new Set<string>();
  /** What the files before this one have seen and pressed. */
  const earlier = readEarlier();
  const before = new Map(
    earlier.flatMap(({ pressed }) => pressed).toSorted(([, one], [, other]) => Number(one !== 'own') - Number(other !== 'own')),
  );
  /** In how many states a control was tried that changed nothing but itself: elsewhere it may do more. */
  const alone = new Map<string, number>();
  const page = () => tests.desk.page;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'logonet-census-'));
    room = new Room(tests, folder);
    await makeHandProject(folder);
    await addShapes(folder, room.project);
    mkdirSync(join(folder, 'more', 'inner'), { recursive: true });
    mkdirSync(join(folder, 'other'));
    const other = await makeHandProject(join(folder, 'other'));
    await writeUnsure(join(folder, 'unsure'));
    await writeChannels(join(folder, 'channels'));
    await room.openHandProject();
    const client = await room.client();
    await client.library.import({ sources: [join(folder, 'channels')] });
    await client.library.mergeReadings({ path: other, reader: 'Berta' });
    await client.projects.pack({ path: join(folder, 'packed.logonet') });
    for (const name of ['one', 'two', 'three']) writeFileSync(join(folder, 'more', `${name}.nii.gz`), unreadable);
    probes = new Probes(page(), room.project, tests.desk.host.dataFolder);
    await page().setViewportSize({ width: 960, height: 600 });
  });
  afterAll(() => {
    // A part of the census that is run alone counts in the next run.
    const { pressed } = tests.desk.census;
    for (const [key, effect] of effects) if (effect !== '' && pressed.get(key) !== 'window') pressed.set(key, effect);
    probes.close();
    room.close();
    rmSync(room.folder, { recursive: true, force: true, maxRetries: 20 });
  });

  /** Presses what has not been pressed in a state, and enters it again where a press has led away. */
  async function walk({ name, enter, leave, fresh }: State): Promise<void> {
    await enter(room);
    await tests.desk.quiet();
    findings.push(...(await tests.desk.findings()).map((finding) => `${name}: ${finding}`));
    /** How often each was tried: what went while the hand was on its way to it is tried once more. */
    const tried = new Map<string, number>();
    const where = (): Promise<string> =>
      page().evaluate(
        () =>
          `${[...document.querySelectorAll('dialog[open]')].at(-1)?.getAttribute('aria-label') ?? ''}|${document.querySelector('main')?.getAttribute('aria-label') ?? ''}|${document.querySelector('h1, h2')?.textContent ?? ''}`,
      );
    const next = (): ReturnType<typeof nextControl> => {
      const pressed = [...before, ...tests.desk.census.pressed, ...effects].filter(
        ([key, effect]) => effect !== '' && (effect !== 'own' || (alone.get(key) ?? 0) > 1),
      );
      return nextControl(page(), [
        ...pressed.map(([key]) => key),
        ...elsewhereSeen,
        ...[...tried].filter(([, times]) => times > 1).map(([key]) => key),
      ]);
    };
    const here = await where();
    for (let turn = 0; turn < 300; turn++) {
      await room.unfold();
      let control = await next();
      if (control === null) break;
      if (isElsewhere(control.key)) {
        elsewhereSeen.add(control.key);
        continue;
      }
      if (fresh?.test(control.key) === true && turn > 0) {
        await enter(room);
        await tests.desk.quiet();
        control = (await next()) ?? control;
      }
      const { key, handle } = control;
      const effect = await effectOf(page(), probes, handle, () => press(page(), handle)).catch(
        (error: unknown) => `failed: ${String(error).split('\n')[0] ?? ''}`,
      );
      if (/\| Play the /.test(key)) await press(page(), handle); // What plays is never quiet.
      tried.set(key, (tried.get(key) ?? 0) + (effect.startsWith('failed') ? 1 : 2));
      if (effect === 'own') alone.set(key, (alone.get(key) ?? 0) + 1);
      if (effect.startsWith('failed')) console.log(`${name}: ${key}: ${effect}`);
      else if (effect !== '' || !effects.has(key)) effects.set(key, effect);
      if (effect === '') console.log(`${name}: ${key}: nothing`);
      if ((await where()) !== here || (await page().locator('[aria-label=Preview]').count()) > 0) await enter(room);
      await tests.desk.quiet({ drawn: false });
    }
    await leave?.(room);
  }

  it.each(states)('$name', { timeout: 1_800_000 }, walk);

  it('of the tools: each is in the palette', async () => {
    await room.unlockLabels();
    await room.inCase('shapes');
    const shown = await page().getByRole('toolbar', { name: 'Tools' }).getByRole('button').allInnerTexts();
    const labels = await page()
      .getByRole('toolbar', { name: 'Tools' })
      .getByRole('button')
      .evaluateAll((buttons) => buttons.map((button) => button.getAttribute('aria-label')));
    expect(labels.map((label, at) => label ?? shown[at])).toEqual(tools.map(({ name }) => name));
  });
  it.each(tools.map(({ name }) => name))('of the tool %s', { timeout: 1_800_000 }, (name) => {
    /** The ends of the range are there while it holds; it may not hold back what is applied. */
    let first = true;
    return walk({
      name: `the tool ${name}`,
      enter: async () => {
        await room.withTool(name);
        // What it takes from another label changes nothing: no voxel has two.
        if (name === 'Boolean') await page().getByRole('combobox', { name: 'Do', exact: true }).selectOption('Add');
        const range = page().getByRole('checkbox', { name: 'Only in range' });
        if (first && (await range.count()) > 0) await range.click();
        first = false;
      },
      fresh: /\| (Apply Enter|Preview)$/,
    });
  });

  it('of something that takes long: it is given up', async () => {
    await room.home('start');
    await tests.desk.button(/^Demo project/).click();
    const cancel = page().getByRole('region', { name: 'Messages' }).getByRole('button', { name: 'Cancel' });
    await cancel.first().click();
    await cancel.waitFor({ state: 'detached' });
    await tests.desk
      .button(/^Demo project/)
      .and(page().locator(':enabled'))
      .waitFor();
    expect((await (await room.client()).projects.current({})).project?.name ?? '').not.toMatch(/Demo/);
  });

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
