import type { Axes, OpAttributes } from '../../ops/attributes.ts';
import { at, extents, type ReferenceKernel, type ReferenceTensor } from './tensor.ts';

/** The two source indices and weights of output index `o` for trilinear ×2 with align_corners = false. */
function sources(o: number, extent: number): readonly [number, number, number] {
  const position = Math.max(0, (o + 0.5) / 2 - 0.5);
  const low = Math.floor(position);
  return [low, Math.min(low + 1, extent - 1), position - low];
}

function forInterpolation(small: ReferenceTensor, visit: (largeIndex: number, smallIndex: number, weight: number) => void): void {
  const { n, c, d, h, w, voxels } = extents(small);
  for (let row = 0; row < n * c; row++)
    for (let z = 0; z < 2 * d; z++)
      for (let y = 0; y < 2 * h; y++)
        for (let x = 0; x < 2 * w; x++) {
          const large = ((row * 2 * d + z) * 2 * h + y) * 2 * w + x;
          const [z0, z1, fz] = sources(z, d);
          const [y0, y1, fy] = sources(y, h);
          const [x0, x1, fx] = sources(x, w);
          for (const [zi, wz] of [
            [z0, 1 - fz],
            [z1, fz],
          ] as const)
            for (const [yi, wy] of [
              [y0, 1 - fy],
              [y1, fy],
            ] as const)
              for (const [xi, wx] of [
                [x0, 1 - fx],
                [x1, fx],
              ] as const) {
                visit(large, row * voxels + (zi * h + yi) * w + xi, wz * wy * wx);
              }
        }
}

export const upsample2: ReferenceKernel<OpAttributes['upsample2']> = (_attributes, [x], [y]) => {
  if (!x || !y) return;
  forInterpolation(x, (large, small, weight) => {
    y.data[large] = at(y.data, large) + weight * at(x.data, small);
  });
};

export const upsample2Grad: ReferenceKernel<OpAttributes['upsample2Grad']> = (_attributes, [dy], [dx]) => {
  if (!dy || !dx) return;
  forInterpolation(dx, (large, small, weight) => {
    dx.data[small] = at(dx.data, small) + weight * at(dy.data, large);
  });
};

/** Calls `visit` for every voxel of the large tensor with the voxel of the small one whose box it lies in. */
function forBoxes(large: ReferenceTensor, [kd, kh, kw]: Axes, visit: (largeIndex: number, smallIndex: number) => void): void {
  const { n, c, d, h, w } = extents(large);
  for (let row = 0; row < n * c; row++)
    for (let z = 0; z < d; z++)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++)
          visit(
            ((row * d + z) * h + y) * w + x,
            ((row * (d / kd) + Math.floor(z / kd)) * (h / kh) + Math.floor(y / kh)) * (w / kw) + Math.floor(x / kw),
          );
}

export const averagePool3d: ReferenceKernel<OpAttributes['averagePool3d']> = ({ kernel }, [x], [y]) => {
  const share = 1 / (kernel[0] * kernel[1] * kernel[2]);
  if (x && y) forBoxes(x, kernel, (large, small) => (y.data[small] = at(y.data, small) + share * at(x.data, large)));
};

export const averagePool3dGrad: ReferenceKernel<OpAttributes['averagePool3dGrad']> = ({ kernel }, [dy], [dx]) => {
  const share = 1 / (kernel[0] * kernel[1] * kernel[2]);
  if (dy && dx) forBoxes(dx, kernel, (large, small) => (dx.data[large] = share * at(dy.data, small)));
};

function copyChannels(from: ReferenceTensor, to: ReferenceTensor, fromStart: number, toStart: number, count: number): void {
  const source = extents(from);
  const target = extents(to);
  for (let n = 0; n < source.n; n++) {
    const start = (n * source.c + fromStart) * source.voxels;
    to.data.set(from.data.subarray(start, start + count * source.voxels), (n * target.c + toStart) * target.voxels);
  }
}

export const concatChannels: ReferenceKernel<OpAttributes['concatChannels']> = (_attributes, [a, b], [y]) => {
  if (!a || !b || !y) return;
  copyChannels(a, y, 0, 0, extents(a).c);
  copyChannels(b, y, 0, extents(a).c, extents(b).c);
};

export const sliceChannels: ReferenceKernel<OpAttributes['sliceChannels']> = ({ start, count }, [x], [y]) => {
  if (x && y) copyChannels(x, y, start, 0, count);
};

function forCubes(whole: ReferenceTensor, split: number, visit: (wholeIndex: number, cubesIndex: number) => void): void {
  const { n: batch, c, d, h, w } = extents(whole);
  const [cd, ch, cw] = [d / split, h / split, w / split];
  for (let b = 0; b < batch; b++)
    for (let channel = 0; channel < c; channel++)
      for (let z = 0; z < d; z++)
        for (let y = 0; y < h; y++)
          for (let x = 0; x < w; x++) {
            const instance = (Math.floor(z / cd) * split + Math.floor(y / ch)) * split + Math.floor(x / cw);
            const inside = (((instance * batch + b) * c + channel) * cd + (z % cd)) * ch * cw + (y % ch) * cw + (x % cw);
            visit((((b * c + channel) * d + z) * h + y) * w + x, inside);
          }
}

export const cubeSplit: ReferenceKernel<OpAttributes['cubeSplit']> = ({ split }, [x], [y]) => {
  if (x && y) forCubes(x, split, (whole, cubes) => (y.data[cubes] = at(x.data, whole)));
};

export const cubeMerge: ReferenceKernel<OpAttributes['cubeMerge']> = ({ split }, [x], [y]) => {
  if (x && y) forCubes(y, split, (whole, cubes) => (y.data[whole] = at(x.data, cubes)));
};

export const permute: ReferenceKernel<OpAttributes['permute']> = ({ axes }, [x], [y]) => {
  if (!x || !y) return;
  const strides = x.type.shape.map((_extent, axis) => x.type.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  for (let index = 0; index < y.data.length; index++) {
    let rest = index;
    let source = 0;
    for (let axis = 4; axis >= 0; axis--) {
      const extent = y.type.shape[axis] ?? 1;
      source += (rest % extent) * (strides[axes[axis] ?? 0] ?? 0);
      rest = Math.floor(rest / extent);
    }
    y.data[index] = at(x.data, source);
  }
};
