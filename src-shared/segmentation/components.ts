import type { LabelVolume } from '../geometry/grid.ts';
import { boxSize, type Box } from './box.ts';
import { tick, type EditTarget } from './editor.ts';
import { forEachRow } from './selection.ts';

/** Along which axes voxels count as neighbours: all for solids, two for slices. */
export type NeighbourAxes = readonly [boolean, boolean, boolean];
export const everyAxis: NeighbourAxes = [true, true, true];

/** Connected components, as runs along i in memory order. `start` is a volume index. */
export interface Components {
  readonly runs: number;
  readonly start: Float64Array;
  readonly length: Uint32Array;
  /** Component of each run: 0..count − 1 in order of first voxel. */
  readonly component: Uint32Array;
  readonly count: number;
  /** Voxels per component. */
  readonly voxels: Float64Array;
  /** 1 where a component reaches a face of the box along one of its neighbour axes. */
  readonly touchesFace: Uint8Array;
}

class RunList {
  start = new Float64Array(1024);
  length = new Uint32Array(1024);
  parent = new Uint32Array(1024);
  count = 0;

  add(start: number, length: number): void {
    if (this.count === this.start.length) {
      const grow = <A extends Float64Array | Uint32Array>(array: A, make: (length: number) => A): A => {
        const larger = make(array.length * 2);
        larger.set(array);
        return larger;
      };
      this.start = grow(this.start, (n) => new Float64Array(n));
      this.length = grow(this.length, (n) => new Uint32Array(n));
      this.parent = grow(this.parent, (n) => new Uint32Array(n));
    }
    this.start[this.count] = start;
    this.length[this.count] = length;
    this.parent[this.count] = this.count++;
  }

  root(run: number): number {
    const { parent } = this;
    let at = run;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  }

  join(a: number, b: number): void {
    const [x, y] = [this.root(a), this.root(b)];
    // The earlier run is the root, so that components are numbered in memory order.
    if (x < y) this.parent[y] = x;
    else this.parent[x] = y;
  }
}

/**
 * Face-connected components of the voxels in `box` whose label is (or, with `invert`, is not) `label`. Linear in the voxels of the
 * box; memory goes with the runs.
 */
export function componentsOf(
  target: EditTarget,
  box: Box,
  label: number,
  { invert = false, axes = everyAxis }: { invert?: boolean; axes?: NeighbourAxes } = {},
): Components {
  const { data, grid } = target.volume;
  const [ni, nj] = grid.size;
  const rows = boxSize(box)[1] * boxSize(box)[2];
  const rowStart = new Uint32Array(rows + 1);
  const runs = new RunList();
  let row = 0;
  forEachRow(
    grid.size,
    box,
    (at, _inBox, length) => {
      rowStart[row++] = runs.count;
      collectRuns(data, at, at + length, label, invert, axes[0], runs);
    },
    (fraction) => tick(target, 'Looking for connected parts', fraction * 0.6),
  );
  rowStart[rows] = runs.count;
  const [, height] = boxSize(box);
  for (row = 0; row < rows; row++) {
    if (row % height === 0) tick(target, 'Looking for connected parts', 0.6 + (0.4 * row) / rows);
    if (axes[1] && row % height > 0) joinRows(runs, rowStart, row - 1, row, ni);
    if (axes[2] && row >= height) joinRows(runs, rowStart, row - height, row, ni * nj);
  }
  return number(runs, rowStart, box, ni, axes);
}

function collectRuns(
  data: LabelVolume['data'],
  from: number,
  to: number,
  label: number,
  invert: boolean,
  join: boolean,
  runs: RunList,
): void {
  let at = from;
  while (at < to) {
    if ((data[at] === label) === invert) {
      at++;
      continue;
    }
    const start = at;
    do at++;
    while (at < to && (data[at] === label) !== invert);
    if (join) runs.add(start, at - start);
    else for (let single = start; single < at; single++) runs.add(single, 1);
  }
}

/** Joins the runs of two rows that overlap; `stride` is the distance between the rows in memory. */
function joinRows(runs: RunList, rowStart: Uint32Array, first: number, second: number, stride: number): void {
  const { start, length } = runs;
  let a = rowStart[first] as number;
  let b = rowStart[second] as number;
  const [aEnd, bEnd] = [rowStart[first + 1] as number, rowStart[second + 1] as number];
  while (a < aEnd && b < bEnd) {
    const aFrom = (start[a] as number) + stride;
    const bFrom = start[b] as number;
    const aTo = aFrom + (length[a] as number);
    const bTo = bFrom + (length[b] as number);
    if (aFrom < bTo && bFrom < aTo) runs.join(a, b);
    if (aTo < bTo) a++;
    else b++;
  }
}

function number(runs: RunList, rowStart: Uint32Array, box: Box, ni: number, axes: NeighbourAxes): Components {
  const component = new Uint32Array(runs.count);
  const voxels: number[] = [];
  const touches: number[] = [];
  const [, height, depth] = boxSize(box);
  for (let row = 0; row + 1 < rowStart.length; row++) {
    const rowAtFace =
      (axes[1] && (row % height === 0 || row % height === height - 1)) || (axes[2] && (row < height || row >= height * (depth - 1)));
    for (let run = rowStart[row] as number; run < (rowStart[row + 1] as number); run++) {
      const root = runs.root(run);
      const id = root === run ? voxels.push(0) - 1 : (component[root] as number);
      component[run] = id;
      voxels[id] = (voxels[id] ?? 0) + (runs.length[run] as number);
      const i = (runs.start[run] as number) % ni;
      const atFace = rowAtFace || (axes[0] && (i === box.lower[0] || i + (runs.length[run] as number) === box.upper[0]));
      touches[id] = (touches[id] ?? 0) | (atFace ? 1 : 0);
    }
  }
  return {
    runs: runs.count,
    start: runs.start,
    length: runs.length,
    component,
    count: voxels.length,
    voxels: Float64Array.from(voxels),
    touchesFace: Uint8Array.from(touches),
  };
}
