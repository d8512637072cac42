import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { borrowed } from '#shared/prompts/borrowed.ts';
import { featuresOf, smoothed } from '#shared/prompts/features.ts';
import { hidden, oddsOf, seenFrom, told, toldOf } from '#shared/prompts/lesson.ts';
import { oddsBy, valuesOf } from '#shared/prompts/perceptron.ts';
import { regionOf, sample, shareOf } from '#shared/prompts/region.ts';
import { fillEnclosed, keepSeeded, touchedFaces } from '#shared/prompts/shape.ts';
import { gridOf } from './phantom.ts';

const size: Triple = [11, 9, 7];
const [ni, nj, nk] = size;
const count = ni * nj * nk;
const placeOf = (at: number): Triple => [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
const random = new Random(4);
const noise = Float32Array.from({ length: count }, () => random.normal());
/** With the border's voxel beyond the border. */
const valueAt = (values: Float32Array, place: readonly number[]): number => {
  const [i, j, k] = place.map((n, axis) => Math.max(0, Math.min((size[axis] as number) - 1, n))) as [number, number, number];
  return values[i + ni * (j + nj * k)] as number;
};

describe('what a proposal is worked out from', () => {
  it('has smoothed values, and derivatives of them by their definition', () => {
    const spacing: Triple = [1, 2, 1.5];
    const { channels } = featuresOf(noise, size, spacing);
    const smooth = smoothed(noise, size, spacing, 1);
    const plain = (at: number): number[] => {
      const place = placeOf(at);
      const by = (...moves: readonly Triple[]): number =>
        valueAt(
          smooth,
          place.map((n, axis) => n + moves.reduce((sum, move) => sum + (move[axis] as number), 0)),
        );
      const units = ([[1, 0, 0], [0, 1, 0], [0, 0, 1]] as const).map((unit) => unit as Triple); // prettier-ignore
      const minus = (unit: Triple): Triple => [-unit[0], -unit[1], -unit[2]];
      const first = units.map((unit, axis) => (by(unit) - by(minus(unit))) / 2 / (spacing[axis] as number));
      const second = units.map((a, x) =>
        units.map((b, y) => {
          const mm = (spacing[x] as number) * (spacing[y] as number);
          return x === y
            ? (by(a) + by(minus(a)) - 2 * by()) / mm
            : (by(a, b) - by(minus(a), b) - by(a, minus(b)) + by(minus(a), minus(b))) / 4 / mm;
        }),
      ) as [[number, number, number], [number, number, number], [number, number, number]];
      const [[xx, xy, xz], [, yy, yz], [, , zz]] = second;
      const determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
      return [by(), Math.hypot(...first), xx + yy + zz, Math.hypot(...second.flat()), Math.cbrt(determinant)];
    };
    const all = Array.from({ length: count }, (_, at) => plain(at));
    for (const channel of [0, 1, 2, 3, 4]) {
      const own = all.map((values) => values[channel] as number);
      const mean = own.reduce((sum, value) => sum + value, 0) / count;
      const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
      const standard = own.map((value) => Math.max(-6, Math.min(6, (value - mean) / deviation)));
      expect(Math.max(...standard.map((value, at) => Math.abs(value - (channels[1 + channel]?.[at] as number))))).toBeLessThan(1e-4);
    }
  });

  it('is means of the image without what is no number, and shares of labels', () => {
    const grid = gridOf([130, 5, 4], [1, 1, 1]);
    const data = Float32Array.from({ length: 130 * 5 * 4 }, (_, at) => (at % 7 === 3 ? NaN : at % 130));
    const region = regionOf(grid, { lower: [1, 0, 0], upper: [130, 5, 4] });
    expect(region.factor).toEqual([3, 1, 1]);
    const expected = Array.from({ length: 43 * 20 }, (_, at) => {
      const own = [0, 1, 2].map((n) => 1 + 3 * (at % 43) + n + 130 * Math.floor(at / 43)).map((index) => data[index] as number);
      return own.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0) / 3;
    });
    expect([...sample({ grid, data }, region)].every((value, at) => Math.abs(value - (expected[at] as number)) < 1e-4)).toBe(true);
    const labels = Uint8Array.from(data, (_, at) => at % 2);
    const member = new Uint8Array(0x1_0000);
    expect([...shareOf(labels, grid.size, region, member)].every((share) => share === 0)).toBe(true);
    member[1] = 1;
    expect(shareOf(labels, grid.size, region, member)[0]).toBeCloseTo(2 / 3, 6);
  });

  it('keeps parts that hold a seed, fills what is enclosed, and says which faces are reached, of any mask', () => {
    for (let round = 0; round < 40; round++) {
      const mask = Uint8Array.from({ length: count }, () => (random.next() < 0.3 + round / 80 ? 1 : 0));
      const seeds = Int8Array.from({ length: count }, () => (random.next() < 0.01 ? 1 : 0));
      const reached = (of: Uint8Array, from: readonly number[]): Set<number> => {
        const found = new Set(from.filter((at) => of[at] === 1));
        for (const at of found)
          for (const [axis, stride] of [1, ni, ni * nj].entries())
            for (const way of [-1, 1]) {
              const index = (placeOf(at)[axis] as number) + way;
              if (index >= 0 && index < (size[axis] as number) && of[at + way * stride] === 1) found.add(at + way * stride);
            }
        return found;
      };
      const indices = [...mask.keys()];
      const held = indices.filter((at) => seeds[at] === 1 && mask[at] === 1);
      const kept = held.length === 0 ? new Set(indices.filter((at) => mask[at] === 1)) : reached(mask, held);
      expect(indices.filter((at) => keepSeeded(mask, size, seeds)[at] === 1)).toEqual([...kept].sort((a, b) => a - b));
      const isFace = (at: number): boolean => placeOf(at).some((n, axis) => n === 0 || n === (size[axis] as number) - 1);
      const outside = reached(
        mask.map((value) => 1 - value),
        indices.filter(isFace),
      );
      const never = seeds.map((sign) => -sign);
      const filled = fillEnclosed(mask, size, never);
      expect(indices.filter((at) => filled[at] === 1)).toEqual(
        indices.filter((at) => mask[at] === 1 || (!outside.has(at) && never[at] !== -1)),
      );
      const faces = [0, 1, 2].map((axis) =>
        [0, (size[axis] as number) - 1].map((end) => indices.some((at) => mask[at] === 1 && placeOf(at)[axis] === end)),
      );
      expect(touchedFaces(mask, size)).toEqual(faces);
    }
  });

  it('lends arrays to one at a time, also where something fails', () => {
    borrowed(1, 10, ([a]) =>
      borrowed(2, 10, ([b, c]) => {
        expect(new Set([a?.buffer, b?.buffer, c?.buffer]).size).toBe(3);
      }),
    );
    const fails = (): void =>
      borrowed(1, 300_000, ([own]) => {
        throw new Error(String(own?.length));
      });
    expect(fails).toThrow('300000');
    borrowed(2, 20, (arrays) => expect(arrays.map(({ length }) => length)).toEqual([20, 20]));
  });

  it('asks a lesson about a large region as if about every voxel, as far as it counts', () => {
    const grid = gridOf([52, 45, 41], [1, 1, 1]);
    const voxels = 52 * 45 * 41;
    const image: Volume = {
      grid,
      data: Float32Array.from({ length: voxels }, (_, at) => (((at % 52) - 20) ** 2 < 90 ? 100 : 10) + random.normal() * 3),
    };
    const click = { kind: 'click', positive: true, point: [20, 22, 20] } as const;
    const seen = seenFrom(image, { lower: [0, 0, 0], upper: [52, 45, 41] }, click);
    const sizes = [told, ...hidden, 1];
    const values = Float32Array.from({ length: valuesOf(sizes) }, () => random.normal() * 0.6);
    const everywhere = new Float32Array(voxels);
    oddsBy(
      { sizes, values },
      toldOf(image, seen, click),
      Int32Array.from({ length: voxels }, (_, at) => at),
      everywhere,
    );
    const odds = oddsOf({ values }, image, seen, click);
    const cut = (value: number | undefined): number => Math.max(-4, Math.min(4, value as number));
    const other = odds.filter((value, at) => Math.abs(cut(value) - cut(everywhere[at])) > 0.01).length;
    expect(everywhere.filter((value) => Math.abs(value) > 6).length / voxels).toBeGreaterThan(0.02);
    expect(other / voxels).toBeLessThan(0.002);
    expect(odds.every((value, at) => value !== 0 || everywhere[at] === 0)).toBe(true);
  });
});
