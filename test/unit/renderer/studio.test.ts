/// <reference types="svelte" />
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveWorkers } from '#test/support/windowGlobals.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';
import type { Client } from '#shared/contract/client.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { applyAffine } from '#shared/geometry/affine.ts';
import { alignedBasis } from '#shared/geometry/viewPlane.ts';
import { Accepting } from '#renderer/stores/accepting.svelte.ts';
import { readImage } from '#renderer/stores/caseData.ts';
import { Studio } from '#renderer/stores/studio.svelte.ts';

let host: TestStudio;
let studio: Studio;
/** Editing sessions that the window holds on the host. */
let held: Set<string>;
/** Cases whose masks were read ahead. */
let masks: string[];
let caseIds: readonly string[];

/** The client, with a note of which sessions it has opened and closed. */
function noted(client: Client): Client {
  const document: Client['document'] = {
    ...client.document,
    read: async (input, options) => {
      const answer = await client.document.read(input, options);
      masks.push(input.caseId);
      return answer;
    },
    open: async (input, options) => {
      const opened = await client.document.open(input, options);
      held.add(opened.session);
      return opened;
    },
    close: async (input, options) => {
      const closed = await client.document.close(input, options);
      held.delete(input.session);
      return closed;
    },
  };
  return { ...client, document };
}

beforeEach(async () => {
  held = new Set();
  masks = [];
  host = startStudio();
  await host.client.projects.create({ path: join(host.folder, 'project'), name: 'Specs', labels: testLabels });
  await writePairs(join(host.folder, 'incoming'), 3, 0);
  const { added } = await host.client.library.import({ sources: [join(host.folder, 'incoming')], mode: 'copy' });
  caseIds = added;
  studio = new Studio(noted(host.client));
  await studio.begin();
});
afterEach(async () => {
  await studio.closeCase();
  await host.close();
});

const quietly = { signal: new AbortController().signal, report: () => undefined };
const dab = (x: number) => ({ kind: 'ball', centre: [x, -15, 36], radius: 3 }) as const;

describe('the studio of a window', () => {
  it('opens a case, keeps what is drawn, and lets go of everything', async () => {
    const [first = ''] = caseIds;
    await studio.openCase(first);
    studio.session?.editing.paintOnce('Dab', dab(-6), 1);
    await studio.closeCase();
    expect(held.size).toBe(0);
    expect(liveWorkers.size).toBe(0);
    await studio.openCase(first);
    expect(studio.session?.editing.undoName).toBe('Dab');
    expect(studio.session?.editing.mask.data.some((label) => label === 1)).toBe(true);
    expect(studio.activities.messages).toEqual([]);
  });

  it('takes every change of the labels, however quickly one follows the other, and none that is refused', async () => {
    const [first = ''] = caseIds;
    await studio.openCase(first);
    const editing = studio.session?.editing;
    const change = (value: number, part: Partial<Label>): Promise<void> =>
      studio.labels.set((editing?.labels ?? []).map((label) => (label.value === value ? { ...label, ...part } : label)));
    const locked = (labels: readonly Label[] = []): readonly number[] => labels.filter((label) => label.locked).map(({ value }) => value);
    const all = testLabels.map(({ value }) => value);
    const answered = Promise.all(all.map((value) => change(value, { locked: true })));
    expect(locked(editing?.labels)).toEqual(all); // nothing can be painted over while the host is asked
    await answered;
    expect([locked(editing?.labels), locked((await host.client.projects.current()).project?.labels)]).toEqual([all, all]);
    const [one, other] = testLabels;
    await change(one?.value ?? 0, { name: other?.name.toUpperCase() ?? '' });
    expect(editing?.labels.map(({ name }) => name)).toEqual(testLabels.map(({ name }) => name));
    expect(studio.activities.messages.map(({ text }) => text)).toEqual([
      `There is a label “${other?.name ?? ''}” already, and names are what labels are told apart by. Give it another name.`,
    ]);
  });

  it('accepts once, however often it is pressed', async () => {
    const [first = ''] = caseIds;
    await studio.openCase(first);
    const { editing, review } = studio.session ?? {};
    if (editing === undefined || review === undefined) throw new Error('no case');
    editing.paintOnce('Dab', dab(-6), 1);
    const { affine, size } = editing.mask.grid;
    for (let k = 0; k < size[2]; k++)
      review.seen.drawn(
        { basis: alignedBasis(affine, 'axial'), center: applyAffine(affine, [6, 5, k]), millimetresPerPixel: 2, width: 100, height: 100 },
        new Set(),
      );
    const accepting = new Accepting(studio);
    for (let n = 0; n < 3; n++) accepting.begin(true);
    await expect.poll(() => studio.session?.caseId ?? first, { timeout: 30_000 }).not.toBe(first);
    await expect.poll(() => studio.opening, { timeout: 30_000 }).toBeNull();
    expect((await host.client.library.planRemoval({ caseIds: [first] })).revisions).toBe(1);
    expect(studio.activities.messages.map(({ text }) => text)).toEqual(['Accepted. This case now trains the model.']);
  });

  it('writes one export at a time, keeps what came of it until another project is open, and counts what failed', async () => {
    const { exporting } = studio;
    exporting.enter('one');
    const cases = { kind: 'these', caseIds } as const;
    const request = { format: 'nifti', destination: join(host.folder, 'out'), cases, source: 'mask' } as const;
    const ready = async (): Promise<void> => {
      expect(exporting.result).toBeNull(); // what came of the last one is of the last one
    };
    await Promise.all([exporting.run(request, ready), exporting.run(request, ready)]);
    expect(studio.activities.messages.map(({ text }) => text)).toEqual([
      '0 of 3 files written and verified. The result says what was not, and why.',
    ]);
    exporting.enter('one');
    expect(exporting.result?.failures).toHaveLength(3);
    await exporting.run(request, ready);
    exporting.enter('another');
    expect(exporting.result).toBeNull();
  });

  it('opens the case that was asked for last, and leaves nothing of those before', async () => {
    const [first = '', second = '', third = ''] = caseIds;
    await Promise.all([studio.openCase(first), studio.openCase(second), studio.openCase(third)]);
    expect(studio.session?.caseId).toBe(third);
    expect(studio.opening).toBeNull();
    expect(held.size).toBe(1);
    await expect.poll(() => liveWorkers.size).toBe(1);
    expect(studio.activities.messages).toEqual([]);
    await Promise.all([studio.openCase(first), studio.openCase(third), studio.openCase(first), studio.closeCase()]);
    expect(studio.session).toBeNull();
    expect(held.size).toBe(0);
    expect(liveWorkers.size).toBe(0);
  });

  it('lets go of a case that another window took over, and of no other', async () => {
    const [first = '', second = ''] = caseIds;
    await studio.openCase(first);
    await expect.poll(() => liveWorkers.size).toBe(1);
    const other = await host.client.document.open({ caseId: first });
    await expect.poll(() => studio.session).toBeNull();
    expect(liveWorkers.size).toBe(0);
    expect(studio.workspace).toBe('cases');
    // The end of a session of before says nothing about the one that is open.
    await studio.openCase(first);
    expect(studio.session?.caseId).toBe(first);
    await host.client.document.close({ caseId: first, session: other.session });
    await studio.openCase(second);
    expect(studio.session?.caseId).toBe(second);
  });

  it('reads the next case ahead, opens it from there, and drops it where another comes next', async () => {
    const reads: string[] = [];
    const { client } = host;
    const images: Client['images'] = {
      ...client.images,
      read: (input, options) => {
        reads.push(input.caseId);
        return client.images.read(input, options);
      },
    };
    const window = new Studio({ ...noted(client), images }, undefined, { aheadAfter: 0 });
    await window.begin();
    const [first = '', second = '', third = ''] = caseIds;
    // What comes third has a mask.
    await studio.openCase(third);
    studio.session?.editing.paintOnce('Dab', dab(-6), 1);
    await studio.closeCase();
    await window.openCase(first);
    await expect.poll(() => reads).toEqual([first, second]);
    expect(window.shown.ahead.caseId).toBe(second);
    // The order changes: what was read is not what comes next any more.
    await client.library.update({ caseIds: [second], status: 'excluded' });
    await expect.poll(() => reads).toEqual([first, second, third]);
    await expect.poll(() => masks).toEqual([second, third]);
    await window.openCase(third);
    expect(window.session?.caseId).toBe(third);
    expect(window.session?.editing.mask.data.some((label) => label === 1)).toBe(true);
    expect(window.session?.editing.image.data).toEqual((await readImage(client, third, quietly)).volume.data);
    await expect.poll(() => reads).toEqual([first, second, third, first]); // what comes after it
    // Another case than the one that was read.
    await client.library.update({ caseIds: [second], status: 'unlabelled' });
    await window.openCase(second);
    expect(window.session?.caseId).toBe(second);
    expect(reads.filter((caseId) => caseId === second)).toHaveLength(2);
    await window.closeCase();
    expect([window.shown.ahead.caseId, window.activities.messages, held.size]).toEqual([null, [], 0]);
  });

  it('opens the mask as it is, not as it was when it was read ahead', async () => {
    const window = new Studio(noted(host.client), undefined, { aheadAfter: 0 });
    await window.begin();
    const [first = '', second = ''] = caseIds;
    await window.openCase(first);
    await expect.poll(() => masks).toEqual([second]);
    await studio.openCase(second);
    studio.session?.editing.paintOnce('Dab', dab(6), 2);
    const painted = studio.session?.editing.mask.data.slice();
    await studio.closeCase();
    await window.openCase(second);
    expect(window.session?.editing.mask.data).toEqual(painted);
    await window.closeCase();
  });

  it('shows nothing of a project that it left for another', async () => {
    const [first = ''] = caseIds;
    await studio.openCase(first);
    expect(await studio.createProject(join(host.folder, 'other'), 'Other', testLabels)).toBe(true);
    expect([studio.session === null, studio.cases.total, held.size]).toEqual([true, 0, 0]);
    await studio.openProject(join(host.folder, 'project'));
    await studio.openCase(first);
    await studio.openProject(join(host.folder, 'other'));
    expect([studio.session === null, studio.cases.total, held.size]).toEqual([true, 0, 0]);
  });

  it('follows where another window goes', async () => {
    const [first = ''] = caseIds;
    await studio.openCase(first);
    await host.client.projects.create({ path: join(host.folder, 'other'), name: 'Other', labels: testLabels });
    const shown = (): unknown => [studio.session === null, studio.project?.name, studio.workspace, studio.cases.total];
    await expect.poll(shown).toEqual([true, 'Other', 'cases', 0]);
    await host.client.projects.open({ path: join(host.folder, 'project') });
    await expect.poll(shown).toEqual([true, 'Specs', 'cases', 3]);
    await studio.openCase(first);
    await host.client.projects.close();
    await expect.poll(shown).toEqual([true, undefined, 'start', 0]);
    await expect.poll(() => held.size).toBe(0);
  });

  it('shows a case that comes back at once as it was left, and another window what this one leaves as it goes', async () => {
    const [first = '', second = ''] = caseIds;
    await studio.openCase(first);
    studio.viewer.window = { center: 40, width: 111 };
    await Promise.all([studio.openCase(second), studio.openCase(first)]);
    await studio.openCase(second);
    studio.memory.set('view', { layout: 'axial' });
    expect(await studio.memory.get('view')).toEqual({ layout: 'axial' });
    studio.memory.flush();
    expect(await new Studio(host.client).memory.get('view')).toEqual({ layout: 'axial' });
    await studio.openCase(first);
    expect(studio.viewer.window).toEqual({ center: 40, width: 111 });
  });

  it('keeps the case that was opened while the window worked on the masks', async () => {
    const [first = '', second = ''] = caseIds;
    await studio.openCase(first);
    await studio.shown.aside(() => studio.openCase(second));
    expect(studio.session?.caseId).toBe(second);
    await studio.shown.aside(() => Promise.resolve());
    expect(studio.session?.caseId).toBe(second);
  });

  it('leaves the person where they went while the window began', async () => {
    const [first = '', second = ''] = caseIds;
    await studio.openCase(first);
    await studio.closeCase();
    const asked = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<undefined>();
    const settings: Client['settings'] = {
      ...host.client.settings,
      recall: async (input, options) => {
        if (input.key === 'lastCase') {
          asked.resolve(undefined);
          await answer.promise;
        }
        return host.client.settings.recall(input, options);
      },
    };
    const remembered = async (): Promise<string | null> => (await host.client.settings.recall({ key: 'lastCase' })).value;
    await expect.poll(remembered).toContain(first);
    const window = new Studio({ ...noted(host.client), settings });
    const begun = window.begin();
    await asked.promise;
    await window.openCase(second);
    answer.resolve(undefined);
    await begun;
    expect(window.session?.caseId).toBe(second);
    await window.closeCase();
  });
});
