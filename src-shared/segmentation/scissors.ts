import { StudioError } from '../base/errors.ts';
import { membersOf } from '../domain/regions.ts';
import type { Delta } from './delta.ts';
import { edit, tick, type EditTarget } from './editor.ts';
import { polygonCrossings } from './polygon.ts';
import { labelBox } from './selection.ts';

export interface ScissorsOptions {
  /** The labels that are cut. */
  readonly labels: readonly number[];
  /** From the world (LPS millimetres) to the picture: 4×4, row by row; x/w and y/w lie in −1..1. */
  readonly matrix: readonly number[];
  /** A closed outline in the picture, −1..1, y upwards. */
  readonly outline: readonly (readonly [number, number])[];
  readonly erase: 'inside' | 'outside';
}

/** Rows and columns of the picture that the outline is filled in. */
const side = 1024;

/** Erases what of the labels is seen inside (or outside) an outline that was drawn in a 3D view, however deep it lies. Throws `invalid-argument`. */
export function scissors(target: EditTarget, { labels, matrix, outline, erase }: ScissorsOptions): Delta {
  if (outline.length < 3) throw new StudioError('invalid-argument', 'An outline needs at least three points.');
  if (matrix.length !== 16 || !matrix.every(Number.isFinite)) throw new StudioError('invalid-argument', 'The 3D view is not ready yet.');
  const inside = filled(outline);
  const { data, grid } = target.volume;
  const [ni, nj] = grid.size;
  const toClip = product(matrix, grid.affine);
  const wanted = membersOf(labels);
  const boxes = labels.map((label) => labelBox(target.volume, label)).filter((box) => box !== null);
  return edit(target, (editor) => {
    const [low, high] = [0, 1].map((end) =>
      [0, 1, 2].map((axis) => (end === 0 ? Math.min : Math.max)(...boxes.map((box) => (end === 0 ? box.lower : box.upper)[axis as 0]))),
    ) as [number[], number[]];
    if (boxes.length === 0) return;
    const at = (row: number, i: number, j: number, k: number): number =>
      (toClip[row * 4] ?? 0) * i + (toClip[row * 4 + 1] ?? 0) * j + (toClip[row * 4 + 2] ?? 0) * k + (toClip[row * 4 + 3] ?? 0);
    for (let k = low[2] ?? 0; k < (high[2] ?? 0); k++) {
      tick(target, 'Cutting', (k - (low[2] ?? 0)) / Math.max(1, (high[2] ?? 0) - (low[2] ?? 0)));
      for (let j = low[1] ?? 0; j < (high[1] ?? 0); j++) {
        const row = ni * (j + nj * k);
        for (let i = low[0] ?? 0; i < (high[0] ?? 0); i++) {
          if (wanted[data[row + i] as number] !== 1) continue;
          const w = at(3, i, j, k);
          const [x, y] = [Math.floor(((at(0, i, j, k) / w + 1) / 2) * side), Math.floor(((at(1, i, j, k) / w + 1) / 2) * side)];
          const isInside = w > 0 && x >= 0 && y >= 0 && x < side && y < side && inside[x + side * y] === 1;
          if (isInside === (erase === 'inside')) editor.write(row + i, row + i + 1, 0);
        }
      }
    }
  });
}

/** The picture with the outline filled by the even-odd rule. */
function filled(outline: ScissorsOptions['outline']): Uint8Array {
  const picture = new Uint8Array(side * side);
  const points = outline.map(([x, y]): [number, number] => [((x + 1) / 2) * side, ((y + 1) / 2) * side]);
  for (let y = 0; y < side; y++) {
    const crossings = polygonCrossings(points, [0, y + 0.5], [1, 0]);
    for (let n = 0; n + 1 < crossings.length; n += 2) {
      const from = Math.max(0, Math.ceil((crossings[n] as number) - 0.5));
      const to = Math.min(side, Math.floor((crossings[n + 1] as number) - 0.5) + 1);
      if (to > from) picture.fill(1, from + side * y, to + side * y);
    }
  }
  return picture;
}

/** A 4×4 matrix times a 3×4 affine (with 0 0 0 1 below), row by row. */
function product(matrix: readonly number[], affine: readonly number[]): number[] {
  const below = [...affine, 0, 0, 0, 1];
  return Array.from({ length: 16 }, (_, n) => {
    const [row, column] = [n >> 2, n & 3];
    return [0, 1, 2, 3].reduce((sum, inner) => sum + (matrix[row * 4 + inner] ?? 0) * (below[inner * 4 + column] ?? 0), 0);
  });
}
