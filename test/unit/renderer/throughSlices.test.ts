/// <reference types="svelte" />
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { forEachCut } from '#shared/prompts/slab.ts';
import { Activities } from '#renderer/stores/activities.svelte.ts';
import { Editing } from '#renderer/stores/editing.svelte.ts';
import type { PointingHost } from '#renderer/stores/pointingHost.ts';
import { Prompting } from '#renderer/stores/prompting.svelte.ts';
import { ThroughSlices } from '#renderer/stores/throughSlices.svelte.ts';
import { ViewerState } from '#renderer/stores/viewer.svelte.ts';
import { knowsNothing } from '#test/support/knowsNothing.ts';
import { dice, gridOf, phantom, type Ball } from '../prompts/phantom.ts';

const grid = gridOf([48, 44, 24], [1, 1, 2]);
const ball: Ball = { centre: [22, 20, 24], radii: [13, 11, 15], value: 190 };
const { image, truth } = phantom(grid, [ball], 6);
const whole = truth(ball);
const first = 12;
const layer = 48 * 44;

beforeAll(() => import('../../support/windowGlobals.ts'));

describe('through the slices', () => {
  const opened: Prompting[] = [];
  afterEach(() => {
    for (const each of opened.splice(0)) each.dispose();
  });

  /** A case whose axial slice `first` is drawn and shown; `draw` draws more. */
  function open(draw: (data: Uint8Array) => void = () => undefined, host: Partial<PointingHost> = {}) {
    const data = new Uint8Array(whole.length);
    data.set(whole.subarray(first * layer, (first + 1) * layer), first * layer);
    draw(data);
    const labels = ['Liver', 'Spleen'].map((name, at) => ({ value: at + 1, name, color: '#ffffff', locked: at === 1 }));
    const editing = new Editing({ image, mask: { grid, data }, labels });
    const errors: unknown[] = [];
    const prompting = new Prompting(editing, (error) => errors.push(error), { ...knowsNothing, ...host });
    editing.onChange((box) => prompting.changed(box));
    opened.push(prompting);
    const viewer = new ViewerState();
    viewer.show(grid);
    viewer.active = 'axial';
    const activities = new Activities(() => undefined);
    const slices = new ThroughSlices({ editing, prompting, viewer, activities });
    const shown = (): number => Math.round(viewer.crosshair[2] / 2);
    const up = viewer.plane('axial')?.normal[2] === 1 ? 1 : -1;
    const said = (): readonly string[] => activities.messages.map(({ text }) => text);
    return { editing, prompting, viewer, slices, shown, up, errors, said } as const;
  }
  const slice = (data: Uint8Array, k: number): Uint8Array => data.subarray(k * layer, (k + 1) * layer);

  it('one key takes the slice and proposes the next one; each is one named step, and undo takes back one, bit for bit', async () => {
    const { editing, prompting, slices, shown, up } = open();
    await slices.step(up);
    expect([shown(), prompting.active, prompting.voxels > 200, editing.history().names]).toEqual([first + 1, true, true, []]);
    const before: Uint8Array[] = [];
    for (let n = 1; n <= 5; n++) {
      before.push(editing.mask.data.slice());
      await slices.step(up);
      expect([shown(), editing.undoCount]).toEqual([first + n + 1, n]);
      expect(dice(slice(editing.mask.data, first + n), slice(whole, first + n))).toBeGreaterThan(0.93);
    }
    expect([...new Set(editing.history().names)]).toEqual(['Next slice: Liver']);
    expect(slice(editing.mask.data, first + 6).includes(1)).toBe(false); // proposed, not taken
    for (let n = 4; n >= 0; n--) {
      if (!slices.back()) editing.undo();
      expect([editing.mask.data, prompting.active]).toEqual([before[n], false]);
      if (n === 4) expect(shown()).toBe(first + 4);
    }
  });

  it('what nobody has seen is not taken; Enter takes it and stays; what is dropped leaves nothing', async () => {
    const { editing, prompting, slices, shown, up } = open();
    const asked = slices.step(up);
    await slices.step(up);
    expect([prompting.busy, editing.undoCount]).toEqual([true, 0]);
    await asked;
    slices.settle(true);
    expect([shown(), editing.undoCount, prompting.active]).toEqual([first + 1, 1, false]);
    await slices.step(up);
    slices.settle(false);
    expect([editing.undoCount, prompting.active, prompting.layer?.data.some((value) => value !== 0)]).toEqual([1, false, false]);
    const given = slices.step(up);
    slices.settle(false);
    await given;
    expect([prompting.active, editing.undoCount]).toEqual([false, 1]);
  });

  it('turns round: drops what is proposed, and goes on from the last slice on the other side', async () => {
    const { editing, slices, shown, up } = open();
    const down = up === 1 ? -1 : 1;
    await slices.step(up);
    await slices.step(up);
    await slices.step(down);
    expect([shown(), editing.undoCount, slice(editing.mask.data, first + 2).includes(1)]).toEqual([first - 1, 1, false]);
    await slices.step(down);
    await slices.step(up);
    expect([shown(), editing.undoCount]).toEqual([first + 2, 2]);
  });

  it.each([
    ['coronal', 1],
    ['sagittal', 0],
  ] as const)('goes along every view: %s', async (orientation, axis) => {
    const { editing, prompting, slices, viewer } = open((data) => data.fill(0));
    viewer.active = orientation;
    viewer.moveTo(ball.centre);
    const plane = viewer.plane(orientation);
    if (plane === null) throw new Error('no plane');
    forEachCut(grid, plane, (at) => {
      editing.mask.data[at] = whole[at] as number;
    });
    for (let n = 0; n < 4; n++) await slices.step(1);
    expect(prompting.active).toBe(true);
    const at = viewer.crosshair.map((mm, n) => Math.round(mm / [1, 1, 2][n]!)) as unknown as Triple;
    expect(Math.abs(at[axis] - ball.centre[axis])).toBe(4);
    expect(editing.undoCount).toBe(3);
  });

  it('leaves what is locked, stops where the label is locked itself, and says where nothing goes on', async () => {
    const locked = (data: Uint8Array): void => {
      for (let k = first + 1; k < 24; k++) for (let at = 0; at < layer; at++) if (at % 48 > 26) data[k * layer + at] = 2;
    };
    const { editing, prompting, slices, up, said, errors } = open(locked);
    const before = editing.mask.data.slice();
    do await slices.step(up);
    while (prompting.active);
    const now = editing.mask.data;
    expect(before.every((value, at) => value !== 2 || now[at] === 2)).toBe(true);
    expect([prompting.active, errors]).toEqual([false, []]);
    expect(said().at(-1)).toMatch(/^Nothing of “Liver” is found in the next slice\. [5-8] slices were taken\.$/);
    editing.activeLabel = 2;
    await expect(slices.step(up)).rejects.toMatchObject({ code: 'conflict' });
    expect(prompting.active).toBe(false);
  });

  it('says where the label is not in the slice, and where the image ends', async () => {
    const { prompting, slices, viewer, up, said } = open((data) => data.fill(1, 23 * layer + 900, 23 * layer + 930));
    viewer.moveTo([0, 0, 6]);
    await expect(slices.step(up)).rejects.toThrow(/“Liver” is not in this slice/);
    viewer.moveTo([0, 0, 46]);
    await slices.step(up);
    expect([said(), prompting.active]).toEqual([['The image ends here.'], false]);
  });

  it('a question that is lost costs one proposal, is said, and the next press goes on', async () => {
    let isLost = true;
    const ask = (input: Uint8Array): Promise<Uint8Array> =>
      isLost
        ? Promise.reject(new StudioError('internal', 'The proposal was lost.'))
        : Promise.resolve(new Uint8Array(input.length / 24).fill(128));
    const { editing, prompting, slices, shown, up, errors } = open(undefined, { network: () => Promise.resolve({ side: 16, ask }) });
    const before = editing.mask.data.slice();
    await slices.step(up);
    expect([errors.length, prompting.active, shown(), editing.mask.data]).toEqual([1, false, first, before]);
    isLost = false;
    await slices.step(up);
    expect([errors.length, prompting.slice?.proposal !== null, shown()]).toEqual([1, true, first + 1]);
  });
});
