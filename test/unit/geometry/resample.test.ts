import { describe, expect, it } from 'vitest';
import { applyAffine, composeAffine, invertAffine } from '#shared/geometry/affine.ts';
import { spacing, voxelCount, type Grid, type Triple, type Volume } from '#shared/geometry/grid.ts';
import { allOrientationCodes, reorientToCanonical, reorientVolume, sameGrid } from '#shared/geometry/orientation.ts';
import { gridWithSpacing, resampleLabels, resampleVolume } from '#shared/geometry/resample.ts';
import { obliqueGrid, randomLabels, randomVolume, unevenGrid } from '../../support/volumes.ts';

const grid: Grid = { size: [9, 7, 6], affine: unevenGrid.affine };
const volume = randomVolume(grid, 3);

/** Trilinear interpolation as its definition says, one voxel at a time. */
function definition(source: Volume, target: Grid, background: number): Float32Array {
  const map = composeAffine(invertAffine(source.grid.affine), target.affine);
  const [ni, nj, nk] = source.grid.size;
  return Float32Array.from({ length: voxelCount(target) }, (_, n) => {
    const index: Triple = [
      n % target.size[0],
      Math.floor(n / target.size[0]) % target.size[1],
      Math.floor(n / (target.size[0] * target.size[1])),
    ];
    const p = applyAffine(map, index).map((x) => Math.round(x * 1e9) / 1e9);
    if (p.some((x, axis) => x < -0.5 || x > source.grid.size[axis as 0 | 1 | 2] - 0.5)) return background;
    const c = p.map((x, axis) => Math.min(Math.max(x, 0), source.grid.size[axis as 0 | 1 | 2] - 1));
    let sum = 0;
    for (let k = 0; k < nk; k++)
      for (let j = 0; j < nj; j++)
        for (let i = 0; i < ni; i++) {
          const weight = Math.max(0, 1 - Math.abs(i - c[0]!)) * Math.max(0, 1 - Math.abs(j - c[1]!)) * Math.max(0, 1 - Math.abs(k - c[2]!));
          if (weight > 0) sum += weight * source.data[i + ni * (j + nj * k)]!;
        }
    return sum;
  });
}

function expectClose(a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): void {
  expect(a.length).toBe(b.length);
  let worst = 0;
  for (let n = 0; n < a.length; n++) worst = Math.max(worst, Math.abs(a[n]! - b[n]!));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

describe('a grid of another spacing', () => {
  it('has that spacing, the same centre and the same extent to half a voxel', () => {
    const other = gridWithSpacing(grid, [1, 1, 1]);
    spacing(other).forEach((mm) => {
      expect(mm).toBeCloseTo(1, 9);
    });
    expect(other.size).toEqual([7, 11, 14]);
    const centre = (g: Grid) => applyAffine(g.affine, g.size.map((n) => (n - 1) / 2) as unknown as Triple);
    centre(other).forEach((x, n) => {
      expect(x).toBeCloseTo(centre(grid)[n]!, 9);
    });
    expect(() => gridWithSpacing(grid, [1, 0, 1])).toThrow('positive');
  });
});

describe('linear resampling', () => {
  it('agrees with the definition on straight, permuted, flipped and oblique grids', () => {
    for (const code of ['RAS', 'LPS', 'SAR', 'PIL']) {
      const target = gridWithSpacing(reorientVolume(volume, code).grid, [1.1, 0.6, 1.9]);
      expectClose(resampleVolume(volume, target, 'linear', { background: -7 }).data, definition(volume, target, -7), 2e-3);
    }
    const wide: Grid = { ...obliqueGrid(grid, [15, -25, 40]), size: [12, 11, 10] };
    expectClose(resampleVolume(volume, wide, 'linear', { background: -7 }).data, definition(volume, wide, -7), 2e-3);
  });

  it('moves voxels exactly between all 48 orientations', () => {
    for (const code of allOrientationCodes) {
      const turned = reorientVolume(volume, code);
      expect(resampleVolume(turned, grid, 'linear').data).toEqual(Float32Array.from(volume.data));
      expect(resampleVolume(turned, grid, 'nearest').data).toEqual(volume.data);
    }
  });

  it('keeps a ramp a ramp', () => {
    const ramp = { grid, data: Float32Array.from({ length: voxelCount(grid) }, (_, n) => 3 * (n % 9)) };
    const { data, grid: finer } = resampleVolume(ramp, gridWithSpacing(grid, [0.25, 1.5, 2.25]), 'linear');
    expect(finer.size[0]).toBe(27);
    expect(data[10]).toBeCloseTo(3 * (10 / 3 - 1 / 3), 5);
  });

  it('gives the background alone where the grids do not meet', () => {
    const far: Grid = { size: [3, 3, 3], affine: composeAffine([1, 0, 0, 1000, 0, 1, 0, 0, 0, 0, 1, 0], grid.affine) };
    expect(new Set(resampleVolume(volume, far, 'linear', { background: 5 }).data)).toEqual(new Set([5]));
    expect(new Set(resampleVolume(volume, far, 'nearest', { background: 5 }).data)).toEqual(new Set([5]));
  });
});

describe('labels', () => {
  const labels = randomLabels(grid, 9);

  it('bring no value that is not there, in their own array type', () => {
    const wide: Grid = { ...obliqueGrid(grid, [15, -25, 40]), size: [12, 11, 10] };
    const resampled = resampleLabels(labels, wide);
    expect(resampled.data).toBeInstanceOf(Uint8Array);
    expect([...new Set(resampled.data)].every((value) => [0, 1, 2, 5].includes(value))).toBe(true);
    expect(new Set(resampled.data).size).toBe(4);
  });

  it('go to a finer grid and back without a change', () => {
    const blocks = { grid, data: labels.data.map((_, n) => (n % 9 < 4 ? 1 : Math.floor(n / 63) < 3 ? 2 : 0)) };
    const fine = resampleLabels(blocks, gridWithSpacing(grid, [0.25, 0.5, 0.75]));
    expect(resampleLabels(fine, grid).data).toEqual(blocks.data);
  });

  it('a prediction on the canonical, resampled grid returns into the input grid', () => {
    const oblique: Volume<Uint8Array> = { grid: obliqueGrid(grid, [8, -6, 12]), data: randomLabels(grid, 9, [1]).data };
    const canonical = reorientToCanonical(oblique);
    const model = resampleLabels(canonical, gridWithSpacing(canonical.grid, [1, 1, 1]));
    const back = resampleLabels(model, oblique.grid);
    expect(sameGrid(back.grid, oblique.grid)).toBe(true);
    expect(back.data).toEqual(oblique.data);
  });
});
