/// <reference types="svelte" />
import { afterEach, describe, expect, it, vi } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import type { LpsPoint } from '#shared/geometry/grid.ts';
import { learnNow, LessonCases } from '#shared/prompts/learnLesson.ts';
import type { Lesson } from '#shared/prompts/lesson.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { Editing } from '#renderer/stores/editing.svelte.ts';
import { Prompting } from '#renderer/stores/prompting.svelte.ts';
import type { PointingHost } from '#renderer/stores/pointingHost.ts';
import { knowsNothing } from '#test/support/knowsNothing.ts';
import { liveWorkers } from '#test/support/windowGlobals.ts';
import { dice, gridOf, phantom } from '../prompts/phantom.ts';

const grid = gridOf([40, 36, 30], [1, 1, 1]);
const organ = { centre: [18, 17, 15], radii: [9, 8, 7], value: 190 } as const;
const { image, truth } = phantom(grid, [organ]);
const inside: LpsPoint = [18, 17, 15];
const click = (point: LpsPoint, positive = true): Prompt => ({ kind: 'click', point, positive });

describe('pointing things out', () => {
  const opened: Prompting[] = [];
  afterEach(() => {
    for (const each of opened.splice(0)) each.dispose();
  });

  function open(
    data = new Uint8Array(image.data.length),
    of: { readonly image: typeof image; readonly grid: typeof grid } = { image, grid },
    host: Partial<PointingHost> = {},
  ) {
    const labels = ['Liver', 'Spleen'].map((name, at) => ({ value: at + 1, name, color: '#ffffff', locked: at === 1 }));
    const records: Uint8Array[] = [];
    const errors: unknown[] = [];
    const editing = new Editing({ image: of.image, mask: { grid: of.grid, data }, labels, sink: (record) => records.push(record) });
    const prompting = new Prompting(editing, (error) => errors.push(error), { ...knowsNothing, ...host });
    editing.onChange((box) => prompting.changed(box));
    opened.push(prompting);
    return { editing, prompting, records, errors };
  }

  it('proposes in a layer of its own, and Enter makes one named step of it that undo takes back', async () => {
    const { editing, prompting, records } = open();
    expect(prompting.add(click(inside), 'nothing')).toBe(true);
    expect([prompting.busy, prompting.voxels]).toEqual([true, 0]);
    await prompting.settled();
    const proposed = prompting.voxels;
    expect(proposed).toBeGreaterThan(1500);
    expect([editing.mask.data.includes(1), records.length, prompting.layer?.data.filter((value) => value === 1).length]).toEqual([
      false,
      0,
      proposed,
    ]);
    expect(prompting.accept()).toBe(proposed);
    expect([editing.undoName, records.length, prompting.active, prompting.layer?.data.includes(1)]).toEqual([
      'Point: Liver',
      1,
      false,
      false,
    ]);
    expect(editing.mask.data.filter((value) => value === 1).length).toBe(proposed);
    editing.undo();
    expect(editing.mask.data.includes(1)).toBe(false);
  });

  it('begins with what is predicted where the first prompt points at that, and mends it; elsewhere with the prompts alone', async () => {
    const { prompting } = open();
    const predicted = Uint8Array.from(truth(organ), (value, at) => (value === 1 && at % grid.size[0] < 20 ? 1 : 0));
    prompting.add(click([24, 17, 15]), 'pointed');
    await prompting.settled();
    const alone = prompting.voxels;
    prompting.drop();
    prompting.setPrediction({ grid, data: predicted });
    prompting.add(click(inside), 'pointed');
    await prompting.settled();
    const begun = predicted.filter((value) => value === 1).length;
    expect(prompting.voxels).toBe(begun);
    prompting.add(click([24, 17, 15]), 'pointed');
    await prompting.settled();
    expect(prompting.voxels).toBeGreaterThan(begun);
    prompting.drop();
    prompting.add(click([24, 17, 15]), 'pointed'); // nothing is predicted there
    await prompting.settled();
    expect(prompting.voxels).toBe(alone);
    prompting.drop();
    prompting.add(click(inside, false), 'pointed');
    await prompting.settled();
    expect(prompting.voxels).toBe(0); // takes away from the mask, which is empty
  });

  it('begins with the prompts alone where the model was measured to find the label badly', async () => {
    const asked: string[] = [];
    const poorlyFound = (model: string) => {
      asked.push(model);
      return Promise.resolve(new Set(model === 'young' ? ['Liver'] : ['Spleen']));
    };
    const { prompting } = open(undefined, undefined, { poorlyFound });
    const predicted = Uint8Array.from(truth(organ), (value, at) => (value === 1 && at % grid.size[0] < 20 ? 1 : 0));
    const begun = predicted.filter((value) => value === 1).length;
    const pointed = async (): Promise<number> => {
      prompting.add(click(inside), 'pointed');
      await prompting.settled();
      const { voxels } = prompting;
      prompting.drop();
      return voxels;
    };
    const alone = await pointed();
    prompting.setPrediction({ grid, data: predicted }, 'young');
    expect([await pointed(), alone > begun]).toEqual([alone, true]);
    prompting.add(click(inside), 'prediction'); // asked for
    await prompting.settled();
    expect(prompting.voxels).toBe(begun);
    prompting.drop();
    prompting.setPrediction({ grid, data: predicted }, 'old');
    expect([await pointed(), asked]).toEqual([begun, ['young', 'old']]);
  });

  it('knows how a label looks from what accepted cases taught, and no other label', async () => {
    const cases = new LessonCases();
    // Of these cases the organ ended in its middle.
    for (const seed of [2, 3, 4]) {
      const taught = phantom(grid, [organ], seed);
      const half = taught.truth(organ).map((value, at) => (at % grid.size[0] <= 18 ? value : 0));
      cases.add(taught.image, { grid, data: half });
    }
    const lesson = learnNow(cases) as Lesson;
    const half = truth(organ).map((value, at) => (at % grid.size[0] <= 18 ? value : 0));
    const pointed = async (label: string): Promise<number> => {
      const { prompting } = open(undefined, undefined, { lessons: () => Promise.resolve(new Map([[label, { lesson, first: 0.9 }]])) });
      prompting.add(click([15, 17, 15]), 'pointed');
      await prompting.settled();
      return dice(half, Uint8Array.from(prompting.layer?.data ?? []));
    };
    expect(await pointed('Liver')).toBeGreaterThan((await pointed('Spleen')) + 0.05);
  });

  it('hands the prediction over when the tool is taken into the hand, and one that comes or changes later when it comes', async () => {
    const posted = vi.spyOn(Worker.prototype, 'postMessage');
    const told = (): string[] => posted.mock.calls.splice(0).map(([message]) => (message as { kind: string }).kind);
    try {
      const { prompting } = open();
      const whole = truth(organ);
      const half = whole.map((value, at) => (at % grid.size[0] < 20 ? value : 0));
      const begun = async (): Promise<number> => {
        prompting.add(click(inside), 'pointed');
        await prompting.settled();
        const { voxels } = prompting;
        prompting.drop();
        return voxels;
      };
      prompting.setPrediction({ grid, data: half });
      expect(told()).toEqual([]);
      prompting.ready();
      expect(told()).toEqual(['open', 'prediction']);
      const count = (of: Uint8Array): number => of.filter((value) => value === 1).length;
      expect(await begun()).toBe(count(half));
      expect(told()).toEqual(['propose']);
      prompting.setPrediction({ grid, data: whole });
      expect(told()).toEqual(['prediction']);
      expect(await begun()).toBe(count(whole));
      expect(told()).not.toContain('prediction');
      // Whatever takes the place of a worker that stopped knows it, too.
      for (const worker of liveWorkers) worker.onerror?.({ message: 'stopped', preventDefault: () => undefined });
      expect(await begun()).toBe(count(whole));
    } finally {
      posted.mockRestore();
    }
  });

  it('asks the host’s network where there is one; a question that is lost costs one proposal, and is said', async () => {
    const side = 16;
    let [asked, isLost] = [0, false];
    // Says that what is bright is meant.
    const ask = (input: Uint8Array): Promise<Uint8Array> => {
      asked++;
      if (isLost) return Promise.reject(new StudioError('internal', 'The proposal was lost.'));
      const values = new Float32Array(input.buffer, input.byteOffset, side ** 3);
      return Promise.resolve(Uint8Array.from(values, (value) => (value > 0 ? 230 : 20)));
    };
    const { prompting, errors } = open(undefined, undefined, { network: () => Promise.resolve({ side, ask }) });
    prompting.add(click(inside), 'nothing');
    await prompting.settled();
    expect(asked).toBeGreaterThan(0);
    const proposed = prompting.layer?.data.slice() ?? new Uint8Array();
    const ball = truth({ centre: [18, 17, 15], radii: [9, 8, 7], value: 190 });
    expect(dice(proposed, ball)).toBeGreaterThan(0.85);
    isLost = true;
    prompting.add(click([30, 17, 15], false), 'nothing');
    await prompting.settled();
    expect(errors.map((error) => (error as Error).message)).toEqual(['The proposal was lost.']);
    expect([prompting.prompts.length, prompting.layer?.data]).toEqual([1, proposed]);
    isLost = false;
    prompting.add(click([30, 17, 15], false), 'nothing');
    await prompting.settled();
    expect([prompting.prompts.length, errors.length]).toEqual([2, 1]);
  });

  it('takes prompts back one by one, also one that is not answered yet, and drops them all', async () => {
    const { editing, prompting } = open();
    prompting.add(click(inside), 'nothing');
    await prompting.settled();
    const first = prompting.layer?.data.slice();
    prompting.add(click([22, 17, 15], false), 'nothing');
    await prompting.settled();
    expect(prompting.layer?.data).not.toEqual(first);
    prompting.takeBack();
    expect([prompting.layer?.data, prompting.prompts.length]).toEqual([first, 1]);
    prompting.add(click([22, 17, 15], false), 'nothing');
    prompting.takeBack();
    await prompting.settled();
    expect([prompting.layer?.data, prompting.prompts.length, prompting.busy]).toEqual([first, 1, false]);
    prompting.drop();
    expect([prompting.active, prompting.layer?.data.includes(1), editing.undoName]).toEqual([false, false, null]);
  });

  it('does nothing outside the image, refuses a locked label, and says where nothing can be taken away', async () => {
    const { editing, prompting, errors } = open();
    expect(prompting.add(click([99, 0, 0]), 'nothing')).toBe(false);
    expect(prompting.active).toBe(false);
    editing.activeLabel = 2;
    expect(() => prompting.add(click(inside), 'nothing')).toThrow(/“Spleen” is locked/);
    editing.activeLabel = 1;
    prompting.add(click(inside, false), 'nothing');
    await prompting.settled();
    expect([prompting.active, errors.map((error) => (error as Error).message)]).toEqual([
      false,
      ['There is nothing here to take away from. Point at what belongs to the structure first.'],
    ]);
  });

  it('sees what was painted since, keeps locked neighbours and what may not be painted over', async () => {
    const { editing, prompting } = open();
    prompting.ready();
    editing.labels = editing.labels.map((label) => ({ ...label, locked: false }));
    editing.paintOnce('Ball', { kind: 'ball', centre: [24, 17, 15], radius: 4 }, 2);
    const neighbour = editing.mask.data.slice();
    editing.labels = editing.labels.map((label) => ({ ...label, locked: label.value === 2 }));
    prompting.add(click([14, 17, 15]), 'nothing');
    await prompting.settled();
    expect(prompting.layer?.data.some((value, at) => value === 1 && neighbour[at] === 2)).toBe(false);
    prompting.accept();
    expect(editing.mask.data.filter((value) => value === 2).length).toBe(neighbour.filter((value) => value === 2).length);
    expect(editing.mask.data.includes(1)).toBe(true);
  });

  it('draws a large structure again at the image’s own voxels, as long as nothing is asked since', async () => {
    const wide = gridOf([130, 110, 70], [0.7, 0.7, 0.9]);
    const ball = { centre: [45, 38, 31] as const, radii: [32, 27, 23] as const, value: 190 };
    const large = phantom(wide, [ball]);
    const { prompting } = open(new Uint8Array(large.image.data.length), { image: large.image, grid: wide });
    prompting.add(click(ball.centre), 'nothing');
    await prompting.settled();
    const coarse = prompting.layer?.data.slice();
    await expect.poll(() => prompting.layer?.data.some((value, at) => value !== coarse?.[at]), { timeout: 30_000 }).toBe(true);
    const right = large.truth(ball);
    const isRight = (of: Uint8Array | undefined): number => of?.reduce((sum, value, at) => sum + (value === right[at] ? 1 : 0), 0) ?? 0;
    expect(isRight(prompting.layer?.data)).toBeGreaterThan(isRight(coarse));
    expect(prompting.voxels).toBe(prompting.layer?.data.filter((value) => value === 1).length);
  });

  it('corrects the active label where the first prompt takes away, and paints on meanwhile', async () => {
    const before = truth({ centre: [18, 17, 15], radii: [9, 8, 7], value: 0 });
    before.fill(1, 0, 200);
    const { editing, prompting } = open(before.slice());
    prompting.add(click([5, 2, 0], false), 'nothing');
    editing.begin('Brush').commit();
    editing.push(
      'Erase',
      (await import('#shared/segmentation/index.ts')).paint(editing.target(true), { kind: 'ball', centre: [35, 30, 25], radius: 2 }, 0),
    );
    await prompting.settled();
    expect(prompting.layer?.data[5 + 40 * 2]).toBe(2);
    expect(prompting.layer?.data[18 + 40 * (17 + 36 * 15)]).toBe(1);
    prompting.accept();
    expect([editing.mask.data[5 + 40 * 2], editing.mask.data[18 + 40 * (17 + 36 * 15)]]).toEqual([0, 1]);
  });
});
