import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { Random } from '#shared/base/random.ts';
import { gridOf } from '../../support/studio.ts';

/** Names of `count` labels as a day uses them. */
export function labelNames(count: number): readonly string[] {
  const known = [
    'Liver',
    'Spleen',
    'Right kidney',
    'Left kidney',
    'Aorta',
    'Stomach',
    'Gallbladder',
    'Pancreas',
    'Oesophagus',
    'Portal vein',
    'Duodenum',
    'Bladder',
  ];
  return Array.from({ length: count }, (_, index) => known[index] ?? `Structure ${String(index + 1)}`);
}

/**
 * A CT-like body whose `labels` organs are ellipsoids on a jittered lattice, each of its own density; the same seed gives the same. The
 * first is the largest and in the middle.
 */
export function dayPhantom(
  size: Triple,
  spacing: Triple,
  seed: number,
  labels: number,
): { readonly image: Volume<Int16Array>; readonly mask: Volume<Uint8Array> } {
  const random = new Random(seed);
  const [ni, nj, nk] = size;
  const plane = new Int16Array(ni * nj).fill(-1000);
  for (let j = 0; j < nj; j++)
    for (let i = 0; i < ni; i++)
      if (((i / ni - 0.5) / 0.46) ** 2 + ((j / nj - 0.5) / 0.44) ** 2 < 1) plane[i + ni * j] = 40 + ((i * 7 + j * 13 + seed) % 17);
  const image = new Int16Array(ni * nj * nk);
  for (let k = 0; k < nk; k++) image.set(plane, k * ni * nj);
  const mask = new Uint8Array(image.length);
  const side = Math.ceil(Math.cbrt(labels - 1));
  for (let label = labels; label >= 1; label--) {
    const [a, b, c] = [(label - 2) % side, Math.floor((label - 2) / side) % side, Math.floor((label - 2) / side ** 2)];
    const cell = (n: number): number => 0.24 + (0.52 * (n + 0.5)) / side + random.uniform(-0.01, 0.01);
    const centre = label === 1 ? ([0.5, 0.5, 0.5] as const) : ([cell(a), cell(b), cell(c)] as const);
    const radius = (label === 1 ? 0.1 : 0.2 / side) * random.uniform(0.9, 1.1);
    const [ci, cj, ck] = [centre[0] * ni, centre[1] * nj, centre[2] * nk];
    const [ri, rj, rk] = [radius * ni, radius * nj, radius * nk * 1.3];
    for (let k = Math.max(0, Math.floor(ck - rk)); k <= Math.min(nk - 1, ck + rk); k++)
      for (let j = Math.max(0, Math.floor(cj - rj)); j <= Math.min(nj - 1, cj + rj); j++)
        for (let i = Math.max(0, Math.floor(ci - ri)); i <= Math.min(ni - 1, ci + ri); i++)
          if (((i - ci) / ri) ** 2 + ((j - cj) / rj) ** 2 + ((k - ck) / rk) ** 2 < 1) {
            const at = i + ni * (j + nj * k);
            mask[at] = label;
            image[at] = 90 + 22 * (label % 13) + ((i * 5 + j * 3 + k) % 9);
          }
  }
  const grid = gridOf(size, spacing);
  return { image: { grid, data: image }, mask: { grid, data: mask } };
}
