import type { Triple } from '#shared/geometry/grid.ts';
import type { Region } from './caseFile.ts';
import { controlPoints, type SpatialTransform } from './spatial.ts';

/** One channel of a box of a case. */
export interface SourceImage {
  readonly stored: Int16Array;
  /** intensity = stored · scale + offset. */
  readonly scale: number;
  readonly offset: number;
  /** Intensity outside the case. */
  readonly background: number;
}

/** A box of a case in memory. */
export interface SourceBox {
  readonly region: Region;
  readonly images: readonly SourceImage[];
  readonly classes: Uint8Array;
  readonly caseSize: Triple;
}

/**
 * Fills one patch (i fastest) in one pass: the images (C, D, H, W) trilinearly, the classes by the nearest voxel, all at the same place. Outside
 * the case an image is its `background` and the class 0.
 */
export function samplePatch(source: SourceBox, transform: SpatialTransform, size: Triple, image: Float32Array, classes: Int32Array): void {
  const [ni, nj, nk] = size;
  const { matrix: m, centre } = transform;
  const line = new Float32Array(controlPoints * 3);
  for (let k = 0, at = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++, at += ni) {
      const y = j - (nj - 1) / 2;
      const z = k - (nk - 1) / 2;
      const x = -(ni - 1) / 2;
      if (transform.displacement !== undefined) blendLine(transform.displacement, j / Math.max(1, nj - 1), k / Math.max(1, nk - 1), line);
      sampleLine(
        source,
        at,
        ni,
        transform.displacement === undefined ? undefined : line,
        image,
        classes,
        (m[0] as number) * x + (m[1] as number) * y + (m[2] as number) * z + centre[0],
        m[0] as number,
        (m[3] as number) * x + (m[4] as number) * y + (m[5] as number) * z + centre[1],
        m[3] as number,
        (m[6] as number) * x + (m[7] as number) * y + (m[8] as number) * z + centre[2],
        m[6] as number,
      );
    }
  }
}

/** Displacements of the control columns along i at the relative height v and depth w of a line. */
function blendLine(displacement: Float32Array, v: number, w: number, line: Float32Array): void {
  const last = controlPoints - 1;
  const j = Math.min(last - 1, Math.floor(v * last));
  const k = Math.min(last - 1, Math.floor(w * last));
  const fj = v * last - j;
  const fk = w * last - k;
  const row = controlPoints * 3;
  const plane = row * controlPoints;
  const base = k * plane + j * row;
  for (let at = 0; at < row; at++) {
    const near = (displacement[base + at] as number) * (1 - fj) + (displacement[base + row + at] as number) * fj;
    const far = (displacement[base + plane + at] as number) * (1 - fj) + (displacement[base + plane + row + at] as number) * fj;
    line[at] = near * (1 - fk) + far * fk;
  }
}

function sampleLine(
  { region, images, classes: labels, caseSize }: SourceBox,
  start: number,
  length: number,
  line: Float32Array | undefined,
  image: Float32Array,
  classes: Int32Array,
  x0: number,
  dx: number,
  y0: number,
  dy: number,
  z0: number,
  dz: number,
): void {
  const [bi, bj, bk] = region.size;
  const [li, lj, lk] = region.low;
  const [ci, cj, ck] = caseSize;
  const plane = bi * bj;
  const voxels = classes.length;
  const channels = images.length;
  const columns = controlPoints - 1;
  for (let n = 0; n < length; n++) {
    let x = x0 + n * dx;
    let y = y0 + n * dy;
    let z = z0 + n * dz;
    if (line !== undefined) {
      const u = length > 1 ? (n / (length - 1)) * columns : 0;
      const cell = Math.min(columns - 1, Math.floor(u));
      const f = u - cell;
      const a = cell * 3;
      x += (line[a] as number) * (1 - f) + (line[a + 3] as number) * f;
      y += (line[a + 1] as number) * (1 - f) + (line[a + 4] as number) * f;
      z += (line[a + 2] as number) * (1 - f) + (line[a + 5] as number) * f;
    }
    // Half a voxel beyond the border still belongs to the border voxel.
    if (x < -0.5 || y < -0.5 || z < -0.5 || x > ci - 0.5 || y > cj - 0.5 || z > ck - 0.5) {
      for (let c = 0, to = start + n; c < channels; c++, to += voxels) image[to] = (images[c] as SourceImage).background;
      classes[start + n] = 0;
      continue;
    }
    x = Math.min(bi - 1, Math.max(0, x - li));
    y = Math.min(bj - 1, Math.max(0, y - lj));
    z = Math.min(bk - 1, Math.max(0, z - lk));
    const i = Math.floor(x);
    const j = Math.floor(y);
    const k = Math.floor(z);
    const fx = x - i;
    const fy = y - j;
    const fz = z - k;
    const base = k * plane + j * bi + i;
    const ei = i + 1 < bi ? 1 : 0;
    const ej = j + 1 < bj ? bi : 0;
    const ek = k + 1 < bk ? plane : 0;
    for (let c = 0, to = start + n; c < channels; c++, to += voxels) {
      const { stored, scale, offset } = images[c] as SourceImage;
      const near =
        ((stored[base] as number) * (1 - fx) + (stored[base + ei] as number) * fx) * (1 - fy) +
        ((stored[base + ej] as number) * (1 - fx) + (stored[base + ej + ei] as number) * fx) * fy;
      const far =
        ((stored[base + ek] as number) * (1 - fx) + (stored[base + ek + ei] as number) * fx) * (1 - fy) +
        ((stored[base + ek + ej] as number) * (1 - fx) + (stored[base + ek + ej + ei] as number) * fx) * fy;
      image[to] = (near * (1 - fz) + far * fz) * scale + offset;
    }
    classes[start + n] = labels[base + (fx >= 0.5 ? ei : 0) + (fy >= 0.5 ? ej : 0) + (fz >= 0.5 ? ek : 0)] as number;
  }
}
