import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { enclosedPixels, outlinesOf } from '#shared/geometry/contours.ts';

const box = (u0: number, v0: number, u1: number, v1: number): Float64Array => Float64Array.of(u0, v0, u1, v0, u1, v1, u0, v1);
const rows = (marked: Uint8Array, width: number): string[] =>
  Array.from({ length: marked.length / width }, (_, v) =>
    [...marked.slice(v * width, (v + 1) * width)].map((x) => (x === 1 ? '#' : '.')).join(''),
  );

describe('what contours enclose', () => {
  it('is a pixel of which one half or more lies inside', () => {
    expect(rows(enclosedPixels([box(0, -0.5, 2.49, 0.5)], 4, 1), 4)).toEqual(['###.']);
    expect(rows(enclosedPixels([box(0.1, -0.5, 2.6, 0.5)], 4, 1), 4)).toEqual(['.##.']);
  });

  it('a contour inside another is a hole, one in the hole an island', () => {
    const loops = [box(-0.5, -0.5, 6.5, 6.5), box(0.5, 0.5, 5.5, 5.5), box(2.5, 2.5, 3.5, 3.5)];
    const expected = ['#######', '#.....#', '#.....#', '#..#..#', '#.....#', '#.....#', '#######'];
    expect(rows(enclosedPixels(loops, 7, 7), 7)).toEqual(expected);
    expect(rows(enclosedPixels(loops.toReversed(), 7, 7), 7)).toEqual(expected);
  });

  it('a hole that touches the edge of its region stays a hole; the same contour twice is one', () => {
    expect(rows(enclosedPixels([box(-0.5, -0.5, 3.5, 2.5), box(-0.5, 0.5, 1.5, 1.5)], 4, 3), 4)).toEqual(['####', '..##', '####']);
    expect(rows(enclosedPixels([box(-0.5, -0.5, 1.5, 0.5), box(-0.5, -0.5, 1.5, 0.5)], 3, 1), 3)).toEqual(['##.']);
  });

  it('contours that only overlap are one region, unless parity is asked for', () => {
    const loops = [box(-0.5, -0.5, 2.5, 0.5), box(1.5, -0.5, 4.5, 0.5)];
    expect(rows(enclosedPixels(loops, 5, 1), 5)).toEqual(['#####']);
    expect(rows(enclosedPixels(loops, 5, 1, true), 5)).toEqual(['##.##']);
  });

  it('a keyhole leaves its hole out', () => {
    const keyhole = Float64Array.of(
      -0.5,
      -0.5,
      4.5,
      -0.5,
      4.5,
      4.5,
      -0.5,
      4.5,
      -0.5,
      1.5,
      1.5,
      1.5,
      1.5,
      2.5,
      2.5,
      2.5,
      2.5,
      1.5,
      -0.5,
      1.5,
    );
    expect(rows(enclosedPixels([keyhole], 5, 5), 5)).toEqual(['#####', '#####', '##.##', '#####', '#####']);
  });

  it('beyond the picture nothing is marked, and no loop means nothing', () => {
    expect(rows(enclosedPixels([box(-5, -5, 50, 0.5)], 2, 2), 2)).toEqual(['##', '..']);
    expect(rows(enclosedPixels([box(-5, 7, 50, 9)], 2, 2), 2)).toEqual(['..', '..']);
    expect(rows(enclosedPixels([], 2, 1), 2)).toEqual(['..']);
  });
});

it('outlines of 3,000 random pictures enclose what they were drawn around, by either rule', () => {
  const random = new Random(7);
  let differing = 0;
  for (let trial = 0; trial < 3000; trial++) {
    const [width, height] = [1 + random.integer(14), 1 + random.integer(14)];
    const share = random.next();
    const marked = Uint8Array.from({ length: width * height }, () => (random.next() < share ? 1 : 0));
    const loops = outlinesOf(marked, width, height);
    for (const byParity of [false, true]) {
      const found = enclosedPixels(loops, width, height, byParity);
      differing += marked.filter((x, n) => x !== found[n]).length;
    }
  }
  expect(differing).toBe(0);
});
