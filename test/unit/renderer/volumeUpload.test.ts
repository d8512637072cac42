import { describe, expect, it } from 'vitest';
import { isEmpty, slabOrder } from '#renderer/vtk/volumeUpload.ts';

describe('bringing a volume to the GPU', () => {
  it('sends every slice once, those about the middle first', () => {
    for (const [slices, perSlab, middle] of [
      [600, 4, 300],
      [7, 3, 6],
      [1, 8, 0],
      [10, 10, 4],
      [13, 4, 0],
    ] as const) {
      const order = slabOrder(slices, perSlab, middle);
      expect(order.flatMap(([first, end]) => Array.from({ length: end - first }, (_, n) => first + n)).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: slices }, (_, n) => n),
      );
      const [first = [0, 0]] = order;
      expect(first[0] <= middle && middle < first[1]).toBe(true);
      const distances = order.slice(1).map(([from, end]) => Math.abs((from + end - 1) / 2 - middle));
      expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    }
  });

  it('knows a slab of zeros, wherever it begins and ends', () => {
    const voxels = new Uint8Array(4099);
    for (const [from, to] of [
      [0, 4099],
      [8, 4096],
      [3, 4099],
      [5, 6],
      [9, 9],
    ] as const)
      expect(isEmpty(voxels.subarray(from, to))).toBe(true);
    for (const at of [3, 8, 2000, 4096, 4098]) {
      const marked = voxels.slice();
      marked[at] = 1;
      expect(isEmpty(marked)).toBe(false);
      expect(isEmpty(marked.subarray(3))).toBe(false);
    }
    expect(isEmpty(Int16Array.of(0, 0, 0, 0, 0, -1))).toBe(false);
  });
});
