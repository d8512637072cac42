import type { Affine, Triple, VoxelArray } from './grid.ts';

/** What every sampler needs: the two sizes, the map from target to source voxel indices, and the value outside. */
export interface Sampling {
  readonly source: Triple;
  readonly target: Triple;
  readonly map: Affine;
  readonly background: number;
}

/** Along one target axis: the two source offsets (in array elements) and the weight of the upper one; -1 marks "outside". */
interface AxisTable {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly weight: Float64Array;
}

function axisTable({ source, target, map }: Sampling, axes: Triple, targetAxis: 0 | 1 | 2): AxisTable {
  const sourceAxis = axes[targetAxis] as 0 | 1 | 2;
  const limit = source[sourceAxis];
  const stride = [1, source[0], source[0] * source[1]][sourceAxis] as number;
  const step = map[sourceAxis * 4 + targetAxis] as number;
  const start = map[sourceAxis * 4 + 3] as number;
  const length = target[targetAxis];
  const table = { lower: new Int32Array(length), upper: new Int32Array(length), weight: new Float64Array(length) };
  for (let n = 0; n < length; n++) {
    const position = snapped(start + n * step);
    if (position < -0.5 || position > limit - 0.5) {
      table.lower[n] = -1;
      continue;
    }
    const clamped = Math.min(Math.max(position, 0), limit - 1);
    const floor = Math.min(Math.floor(clamped), Math.max(limit - 2, 0));
    table.lower[n] = floor * stride;
    table.upper[n] = Math.min(floor + 1, limit - 1) * stride;
    table.weight[n] = clamped - floor;
  }
  return table;
}

/** Removes rounding noise, so that grids which are flips or permutations of each other give exactly the same values back. */
function snapped(position: number): number {
  const whole = Math.round(position);
  return Math.abs(position - whole) < 1e-5 ? whole : position;
}

/** Trilinear sampling where each target axis runs along one source axis: blends two slices, then two rows, then two voxels. */
export function linearSeparable(from: VoxelArray, into: Float32Array, sampling: Sampling, axes: Triple): void {
  const [ni, nj, nk] = sampling.target;
  const i = axisTable(sampling, axes, 0),
    j = axisTable(sampling, axes, 1),
    k = axisTable(sampling, axes, 2);
  const [rowAxis, columnAxis] = [axes[0] as 0 | 1 | 2, axes[1] as 0 | 1 | 2];
  const strides = [1, sampling.source[0], sampling.source[0] * sampling.source[1]];
  const columns = sampling.source[rowAxis],
    rows = sampling.source[columnAxis];
  const columnStride = strides[rowAxis] as number,
    rowStride = strides[columnAxis] as number;
  const slice = new Float32Array(rows * columns);
  const row = new Float32Array(columns);
  let target = 0;
  for (let z = 0; z < nk; z++) {
    const lower = k.lower[z] as number,
      upper = k.upper[z] as number,
      weight = k.weight[z] as number;
    if (lower < 0) {
      into.fill(sampling.background, target, (target += ni * nj));
      continue;
    }
    for (let y = 0, n = 0; y < rows; y++) {
      for (let x = 0, a = lower + y * rowStride, b = upper + y * rowStride; x < columns; x++, n++, a += columnStride, b += columnStride) {
        const value = from[a] as number;
        slice[n] = weight === 0 ? value : value + weight * ((from[b] as number) - value);
      }
    }
    for (let y = 0; y < nj; y++, target += ni) {
      const above = j.lower[y] as number;
      if (above < 0) {
        into.fill(sampling.background, target, target + ni);
        continue;
      }
      const first = (above / rowStride) * columns,
        second = ((j.upper[y] as number) / rowStride) * columns,
        w = j.weight[y] as number;
      for (let x = 0; x < columns; x++) {
        const value = slice[first + x] as number;
        row[x] = w === 0 ? value : value + w * ((slice[second + x] as number) - value);
      }
      for (let x = 0; x < ni; x++) {
        const left = i.lower[x] as number;
        if (left < 0) into[target + x] = sampling.background;
        else {
          const value = row[left / columnStride] as number,
            v = i.weight[x] as number;
          into[target + x] = v === 0 ? value : value + v * ((row[(i.upper[x] as number) / columnStride] as number) - value);
        }
      }
    }
  }
}

/** Nearest-neighbour sampling where each target axis runs along one source axis. */
export function nearestSeparable(from: VoxelArray, into: VoxelArray, sampling: Sampling, axes: Triple): void {
  const [ni, nj, nk] = sampling.target;
  const nearest = ([0, 1, 2] as const).map((axis) => {
    const { lower, upper, weight } = axisTable(sampling, axes, axis);
    return lower.map((offset, n) => (offset >= 0 && (weight[n] as number) >= 0.5 ? (upper[n] as number) : offset));
  }) as [Int32Array, Int32Array, Int32Array];
  const [i, j, k] = nearest;
  let target = 0;
  for (let z = 0; z < nk; z++) {
    for (let y = 0; y < nj; y++) {
      const base = (k[z] as number) < 0 || (j[y] as number) < 0 ? -1 : (k[z] as number) + (j[y] as number);
      for (let x = 0; x < ni; x++, target++) {
        const offset = i[x] as number;
        into[target] = base < 0 || offset < 0 ? sampling.background : (from[base + offset] as number);
      }
    }
  }
}

/** Trilinear sampling under any affine. Its corners are found by the lines of `voteOblique`: with a function for both, the first call of a process takes a tenth longer. */
export function linearOblique(from: VoxelArray, into: Float32Array, sampling: Sampling): void {
  const [si, sj, sk] = sampling.source;
  const rowStride = si,
    sliceStride = si * sj;
  walk(
    sampling,
    (target, x, y, z) => {
      const cx = Math.min(Math.max(x, 0), si - 1),
        cy = Math.min(Math.max(y, 0), sj - 1),
        cz = Math.min(Math.max(z, 0), sk - 1);
      const x0 = Math.floor(cx),
        y0 = Math.floor(cy),
        z0 = Math.floor(cz);
      const u = cx - x0,
        v = cy - y0,
        w = cz - z0;
      const dx = x0 + 1 < si ? 1 : 0,
        dy = y0 + 1 < sj ? rowStride : 0,
        dz = z0 + 1 < sk ? sliceStride : 0;
      const o = x0 + y0 * rowStride + z0 * sliceStride;
      const near = blend(
        blend(from[o] as number, from[o + dx] as number, u),
        blend(from[o + dy] as number, from[o + dx + dy] as number, u),
        v,
      );
      const far = blend(
        blend(from[o + dz] as number, from[o + dx + dz] as number, u),
        blend(from[o + dy + dz] as number, from[o + dx + dy + dz] as number, u),
        v,
      );
      into[target] = blend(near, far, w);
    },
    (target) => {
      into[target] = sampling.background;
    },
  );
}

/** Nearest-neighbour sampling under any affine. */
export function nearestOblique(from: VoxelArray, into: VoxelArray, sampling: Sampling): void {
  const [si, sj, sk] = sampling.source;
  walk(
    sampling,
    (target, x, y, z) => {
      const nx = Math.min(Math.max(Math.round(x), 0), si - 1),
        ny = Math.min(Math.max(Math.round(y), 0), sj - 1),
        nz = Math.min(Math.max(Math.round(z), 0), sk - 1);
      into[target] = from[nx + ny * si + nz * si * sj] as number;
    },
    (target) => {
      into[target] = sampling.background;
    },
  );
}

/** Label sampling under any affine: the label with the largest trilinear weight; on a tie, the one of the nearer corner found first. */
export function voteOblique(from: Uint8Array | Uint16Array, into: Uint8Array | Uint16Array, sampling: Sampling): void {
  const [si, sj, sk] = sampling.source;
  const sliceStride = si * sj;
  const labels = new Int32Array(8);
  const weights = new Float64Array(8);
  walk(
    sampling,
    (target, x, y, z) => {
      const cx = Math.min(Math.max(x, 0), si - 1),
        cy = Math.min(Math.max(y, 0), sj - 1),
        cz = Math.min(Math.max(z, 0), sk - 1);
      const x0 = Math.floor(cx),
        y0 = Math.floor(cy),
        z0 = Math.floor(cz);
      const u = cx - x0,
        v = cy - y0,
        w = cz - z0;
      const dx = x0 + 1 < si ? 1 : 0,
        dy = y0 + 1 < sj ? si : 0,
        dz = z0 + 1 < sk ? sliceStride : 0;
      const o = x0 + y0 * si + z0 * sliceStride;
      const first = from[o] as number;
      // Almost every voxel has eight equal neighbours: nothing to count.
      if (
        first === from[o + dx] &&
        first === from[o + dy] &&
        first === from[o + dx + dy] &&
        first === from[o + dz] &&
        first === from[o + dx + dz] &&
        first === from[o + dy + dz] &&
        first === from[o + dx + dy + dz]
      ) {
        into[target] = first;
        return;
      }
      let found = 0;
      for (let corner = 0; corner < 8; corner++) {
        const weight = (corner & 1 ? u : 1 - u) * (corner & 2 ? v : 1 - v) * (corner & 4 ? w : 1 - w);
        const label = from[o + (corner & 1 ? dx : 0) + (corner & 2 ? dy : 0) + (corner & 4 ? dz : 0)] as number;
        let slot = 0;
        while (slot < found && labels[slot] !== label) slot++;
        if (slot === found) {
          labels[found] = label;
          weights[found++] = 0;
        }
        weights[slot] = (weights[slot] as number) + weight;
      }
      let best = 0;
      for (let slot = 1; slot < found; slot++) if ((weights[slot] as number) > (weights[best] as number) + 1e-9) best = slot;
      into[target] = labels[best] as number;
    },
    (target) => {
      into[target] = sampling.background;
    },
  );
}

function blend(a: number, b: number, weight: number): number {
  return a + weight * (b - a);
}

/** Visits every target voxel with its source position; `outside` gets those further than half a voxel from the source. */
function walk(
  { source, target, map }: Sampling,
  inside: (target: number, x: number, y: number, z: number) => void,
  outside: (target: number) => void,
): void {
  const [ni, nj, nk] = target;
  const highX = source[0] - 0.5,
    highY = source[1] - 0.5,
    highZ = source[2] - 0.5;
  let n = 0;
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      const x0 = map[1] * j + map[2] * k + map[3],
        y0 = map[5] * j + map[6] * k + map[7],
        z0 = map[9] * j + map[10] * k + map[11];
      for (let i = 0; i < ni; i++, n++) {
        const x = snapped(x0 + map[0] * i),
          y = snapped(y0 + map[4] * i),
          z = snapped(z0 + map[8] * i);
        if (x < -0.5 || y < -0.5 || z < -0.5 || x > highX || y > highY || z > highZ) outside(n);
        else inside(n, x, y, z);
      }
    }
  }
}
