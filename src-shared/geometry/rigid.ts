import { StudioError } from '../base/errors.ts';
import type { Affine, LpsPoint, Triple } from './grid.ts';

/** A turn about a point and a shift, as a person sets them: degrees about the world's axes (x, then y, then z), millimetres, LPS. */
export interface RigidParts {
  readonly turn: Triple;
  readonly shift: Triple;
}

const degrees = Math.PI / 180;

export function rigidAbout([cx, cy, cz]: LpsPoint, { turn, shift }: RigidParts): Affine {
  const [a, b, c] = turn.map((each) => each * degrees) as unknown as Triple;
  const [sa, ca, sb, cb, sc, cc] = [Math.sin(a), Math.cos(a), Math.sin(b), Math.cos(b), Math.sin(c), Math.cos(c)];
  const rows = [
    [cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa],
    [sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa],
    [-sb, cb * sa, cb * ca],
  ] as const;
  const centre = [cx, cy, cz] as const;
  const [x, y, z] = rows.map(([p, q, r], n) => {
    const moved = (centre[n as 0] ?? 0) + (shift[n as 0] ?? 0);
    return [p, q, r, moved - (p * cx + q * cy + r * cz)] as const;
  }) as unknown as readonly [
    readonly [number, number, number, number],
    readonly [number, number, number, number],
    readonly [number, number, number, number],
  ];
  return [...x, ...y, ...z];
}

/** The inverse of `rigidAbout`; null is no turn and no shift. */
export function rigidParts([cx, cy, cz]: LpsPoint, map: Affine | null): RigidParts {
  if (map === null) return { turn: [0, 0, 0], shift: [0, 0, 0] };
  const turn: Triple = [
    Math.atan2(map[9], map[10]) / degrees,
    Math.asin(Math.min(1, Math.max(-1, -map[8]))) / degrees,
    Math.atan2(map[4], map[0]) / degrees,
  ];
  const shift: Triple = [
    map[0] * cx + map[1] * cy + map[2] * cz + map[3] - cx,
    map[4] * cx + map[5] * cy + map[6] * cz + map[7] - cy,
    map[8] * cx + map[9] * cy + map[10] * cz + map[11] - cz,
  ];
  return { turn, shift };
}

/** Throws `invalid-argument` for a map that does more than turn and shift: images keep their size and are not mirrored. */
export function requireRigid(map: Affine): void {
  const row = (n: 0 | 4 | 8): Triple => [map[n], map[n + 1] ?? 0, map[n + 2] ?? 0];
  const dot = (p: Triple, q: Triple): number => p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
  const rows = [row(0), row(4), row(8)] as const;
  const lengths = rows.every((each) => Math.abs(dot(each, each) - 1) < 1e-6);
  const right = Math.abs(dot(rows[0], rows[1])) + Math.abs(dot(rows[0], rows[2])) + Math.abs(dot(rows[1], rows[2])) < 1e-6;
  const [x, y, z] = rows;
  const handed = x[0] * (y[1] * z[2] - y[2] * z[1]) - x[1] * (y[0] * z[2] - y[2] * z[0]) + x[2] * (y[0] * z[1] - y[1] * z[0]) > 0;
  if (!(lengths && right && handed && map.every(Number.isFinite)))
    throw new StudioError('invalid-argument', 'An image is placed by a turn and a shift alone.');
}
