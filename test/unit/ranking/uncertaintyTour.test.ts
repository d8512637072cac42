import { describe, expect, it } from 'vitest';
import { uncertaintyTour } from '#shared/domain/uncertaintyTour.ts';
import type { Triple } from '#shared/geometry/grid.ts';

const size: Triple = [24, 20, 16];
function map(paint: (i: number, j: number, k: number) => number): Uint8Array {
  return Uint8Array.from({ length: size[0] * size[1] * size[2] }, (_, at) =>
    paint(at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))),
  );
}
const inBall = (i: number, j: number, k: number, c: Triple, r: number): boolean =>
  (i - c[0]) ** 2 + (j - c[1]) ** 2 + (k - c[2]) ** 2 <= r * r;

describe('the uncertainty tour', () => {
  it('visits the larger blob first, at its middle, and keeps blobs apart', () => {
    const regions = uncertaintyTour(
      map((i, j, k) => (inBall(i, j, k, [6, 6, 6], 4) ? 220 : inBall(i, j, k, [17, 12, 9], 3) ? 220 : 0)),
      size,
    );
    expect(regions.map(({ centre }) => centre)).toEqual([
      [6, 6, 6],
      [17, 12, 9],
    ]);
    expect(regions[0]?.score).toBeGreaterThan(regions[1]?.score ?? Infinity);
  });

  it('does not stop at a thin rim beside a thick patch', () => {
    const regions = uncertaintyTour(
      map((i, j, k) => (inBall(i, j, k, [18, 10, 8], 3) ? 255 : i === 4 ? 180 : 0)),
      size,
    );
    expect(regions).toHaveLength(1);
    expect(regions[0]?.centre).toEqual([18, 10, 8]);
  });

  it('puts the stop of a bent region inside it', () => {
    const regions = uncertaintyTour(
      map((i, j) => (i < 4 || j < 4 ? 255 : 0)),
      size,
      { threshold: 100 },
    );
    const [i, j] = regions[0]?.centre ?? [99, 99];
    expect(i < 5 || j < 5).toBe(true);
  });

  it('is empty where the model is sure, and obeys its limits', () => {
    expect(
      uncertaintyTour(
        map(() => 20),
        size,
      ),
    ).toEqual([]);
    const speckle = map((i, j, k) => (i % 8 === 4 && j % 8 === 4 && k % 8 === 4 ? 255 : 0));
    expect(uncertaintyTour(speckle, size)).toEqual([]);
    expect(
      uncertaintyTour(
        map((i, j, k) => (inBall(i % 12, j, k, [6, 9, 8], 3) ? 255 : 0)),
        size,
        { limit: 1 },
      ),
    ).toHaveLength(1);
  });
});
