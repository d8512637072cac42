import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyAffine } from '#shared/geometry/affine.ts';
import type { Affine, Grid } from '#shared/geometry/grid.ts';
import {
  add,
  alignedBasis,
  anatomicalAxes,
  cross,
  cutsBox,
  directionLetters,
  dot,
  orientations,
  rotatedBasis,
  scaled,
  screenToWorld,
  sliceStep,
  subtract,
  worldToScreen,
  type Vector,
  type ViewFrame,
} from '#shared/geometry/viewPlane.ts';

const straight: Affine = [0.8, 0, 0, -100, 0, 0.8, 0, -90, 0, 0, 2.5, 30];
/** Stored right to left, anterior from posterior, feet up: i, j and k all run against LPS, and the axes are permuted. */
const turned: Affine = [0, 0, -2, 40, -1, 0, 0, 10, 0, -1.5, 0, 5];
const angle = 0.2;
const oblique: Affine = [Math.cos(angle), -Math.sin(angle), 0, 0, Math.sin(angle), Math.cos(angle), 0, 0, 0, 0, 3, 0];

const close = (a: Vector, b: Vector): void => a.forEach((value, axis) => expect(value).toBeCloseTo(b[axis as 0], 9));

describe('planes along the image', () => {
  it('shows the radiological convention', () => {
    const axial = alignedBasis(straight, 'axial');
    expect([directionLetters(axial.right), directionLetters(axial.down)]).toEqual(['L', 'P']);
    const coronal = alignedBasis(straight, 'coronal');
    expect([directionLetters(coronal.right), directionLetters(coronal.down)]).toEqual(['L', 'I']);
    const sagittal = alignedBasis(straight, 'sagittal');
    expect([directionLetters(sagittal.right), directionLetters(sagittal.down)]).toEqual(['P', 'I']);
  });

  it('shows the same however the voxels are stored', () => {
    for (const orientation of orientations) {
      const [a, b] = [alignedBasis(straight, orientation), alignedBasis(turned, orientation)];
      close(a.right, b.right);
      close(a.down, b.down);
      close(a.normal, b.normal);
    }
  });

  it('follows an oblique image, so that one voxel layer is one view', () => {
    const { normal, right } = alignedBasis(oblique, 'axial');
    close(normal, [0, 0, 1]);
    close(right, [Math.cos(angle), Math.sin(angle), 0]);
    expect(anatomicalAxes(turned).axes).toEqual([2, 0, 1]);
  });

  it('has right-handed unit vectors', () => {
    for (const affine of [straight, turned, oblique]) {
      for (const orientation of orientations) {
        const { right, down, normal } = alignedBasis(affine, orientation);
        close(cross(right, down), normal);
        expect(dot(right, down)).toBeCloseTo(0, 9);
      }
    }
  });
});

describe('a frame', () => {
  it('takes the screen to the world and back, on any plane', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.integer({ min: 0, max: 900 }),
        fc.integer({ min: 0, max: 700 }),
        fc.double({ min: 0.05, max: 4, noNaN: true }),
        (turn, tilt, x, y, millimetresPerPixel) => {
          const basis = rotatedBasis(rotatedBasis(alignedBasis(straight, 'axial'), [0, 0, 1], turn), [1, 0, 0], tilt);
          const frame: ViewFrame = { basis, center: [12, -7, 55], millimetresPerPixel, width: 900, height: 700 };
          const back = worldToScreen(frame, screenToWorld(frame, x, y));
          expect(back.x).toBeCloseTo(x, 6);
          expect(back.y).toBeCloseTo(y, 6);
          expect(back.depth).toBeCloseTo(0, 6);
        },
      ),
      { seed: 1 },
    );
  });

  it('keeps true millimetres when spacing is anisotropic', () => {
    const grid: Grid = { size: [100, 100, 20], affine: straight };
    const basis = alignedBasis(straight, 'coronal');
    const frame: ViewFrame = { basis, center: [0, 0, 0], millimetresPerPixel: 0.5, width: 400, height: 400 };
    const [a, b] = [applyAffine(grid.affine, [50, 50, 4]), applyAffine(grid.affine, [50, 50, 5])].map((point) =>
      worldToScreen(frame, point),
    );
    expect((a?.y ?? 0) - (b?.y ?? 0)).toBeCloseTo(2.5 / 0.5, 9);
  });

  it('steps by the spacing along an axis, else by the smallest', () => {
    const grid: Grid = { size: [10, 10, 10], affine: straight };
    expect(sliceStep(grid, [0, 0, 1])).toBeCloseTo(2.5);
    expect(sliceStep(grid, scaled([1, 0, 0], -1))).toBeCloseTo(0.8);
    expect(sliceStep(grid, [0, Math.SQRT1_2, Math.SQRT1_2])).toBeCloseTo(0.8);
  });

  it('knows which planes show a box of voxels', () => {
    const grid: Grid = { size: [100, 100, 40], affine: straight };
    const box = { lower: [20, 30, 10], upper: [24, 34, 12] } as const;
    const shown = (orientation: 'axial' | 'coronal' | 'sagittal', index: readonly [number, number, number], reach = 0): boolean =>
      cutsBox(
        { basis: alignedBasis(straight, orientation), center: applyAffine(straight, index), millimetresPerPixel: 1, width: 10, height: 10 },
        grid,
        box,
        reach,
      );
    expect([8, 10, 11, 13].map((k) => shown('axial', [0, 0, k]))).toEqual([false, true, true, false]);
    expect([28, 30, 33, 35].map((j) => shown('coronal', [0, j, 0]))).toEqual([false, true, true, false]);
    expect([18, 20, 23, 25].map((i) => shown('sagittal', [i, 0, 0]))).toEqual([false, true, true, false]);
    expect(shown('axial', [0, 0, 8], 5)).toBe(true);
    // However the plane lies: with corners of the box on both sides it shows it.
    fc.assert(
      fc.property(fc.double({ min: -1.5, max: 1.5, noNaN: true }), fc.double({ min: -30, max: 30, noNaN: true }), (turn, offset) => {
        const basis = rotatedBasis(alignedBasis(straight, 'axial'), [1, 0, 0], turn);
        const center = add(applyAffine(straight, [22, 32, 11]), basis.normal, offset);
        const sides = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => {
          const corner = applyAffine(straight, [n & 1 ? 23 : 20, n & 2 ? 33 : 30, n & 4 ? 11 : 10]);
          return Math.sign(dot(basis.normal, subtract(corner, center)));
        });
        if (new Set(sides).size > 1)
          expect(cutsBox({ basis, center, millimetresPerPixel: 1, width: 10, height: 10 }, grid, box, 0)).toBe(true);
      }),
      { seed: 2 },
    );
  });
});
