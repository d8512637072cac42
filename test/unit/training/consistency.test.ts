import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { rampUp } from '#main/training/consistency.ts';
import { drawBox, paste, type TaughtPatch } from '#main/training/patches/mixing.ts';
import { sureLabels } from '#main/training/teacher.ts';

/** Probabilities (C, voxels) from those of each voxel. */
function probabilities(voxels: readonly (readonly number[])[]): Float32Array {
  const classes = voxels[0]?.length ?? 0;
  return Float32Array.from(
    { length: classes * voxels.length },
    (_, at) => voxels[at % voxels.length]?.[Math.floor(at / voxels.length)] ?? NaN,
  );
}

function sureOf(voxels: readonly (readonly number[])[]): { taught: number[]; sure: number[] } {
  const [taught, sure] = [new Int32Array(voxels.length), new Uint8Array(voxels.length)];
  sureLabels(probabilities(voxels), taught, sure);
  return { taught: [...taught], sure: [...sure] };
}

it('teaches the likeliest class where it is sure', () => {
  expect(
    sureOf([
      [0.95, 0.03, 0.02],
      [0.04, 0.94, 0.02],
      [0.91, 0.05, 0.04],
      [0.97, 0.02, 0.01],
    ]),
  ).toEqual({ taught: [0, 1, 0, 0], sure: [1, 1, 1, 1] });
});

it('believes the surer half of a class that it is not sure of, its border from both sides, and never what is less likely than not', () => {
  const { taught, sure } = sureOf([
    [0.99, 0.01, 0],
    [0.75, 0, 0.25], // nothing else is said of class 2: the background needs 0.9 beside it
    [0.75, 0.25, 0], // class 1 needs 0.7: so does the background beside it
    [0.65, 0.35, 0],
    [0.99, 0.01, 0],
    [0.2, 0.8, 0],
    [0.4, 0.6, 0],
    [0.3, 0.45, 0.25],
    [0.05, 0.95, 0],
  ]);
  expect(taught).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1]);
  expect(sure).toEqual([1, 0, 1, 0, 1, 1, 0, 0, 1]);
});

it('draws boxes inside the patch and pastes image, classes and what counts there, and nowhere else', () => {
  const patch = [4, 6, 8] as const;
  const filled = (value: number): TaughtPatch => ({
    image: new Float32Array(192).fill(value),
    classes: new Int32Array(192).fill(value),
    sure: new Uint8Array(192).fill(value),
  });
  const random = new Random(4);
  for (let n = 0; n < 50; n++) {
    const box = drawBox(random, patch);
    const into = filled(0);
    paste(filled(1), into, box, patch);
    for (let at = 0; at < 192; at++) {
      const place = [Math.floor(at / 48), Math.floor(at / 8) % 6, at % 8];
      const inside = place.every((v, axis) => v >= (box.low[axis] ?? 9) && v < (box.low[axis] ?? 9) + (box.size[axis] ?? 0));
      expect([into.image[at], into.classes[at], into.sure[at]]).toEqual(inside ? [1, 1, 1] : [0, 0, 0]);
    }
    expect(box.low.every((low, axis) => low >= 0 && low + (box.size[axis] ?? 9) <= (patch[axis] ?? 0))).toBe(true);
  }
});

it('lets the teacher count for little at first and fully from a third of the budget on', () => {
  expect(rampUp(0)).toBeLessThan(0.01);
  expect(rampUp(0.15)).toBeGreaterThan(rampUp(0.1));
  expect([rampUp(1 / 3), rampUp(1)]).toEqual([1, 1]);
});
