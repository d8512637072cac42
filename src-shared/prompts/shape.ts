import type { Triple } from '../geometry/grid.ts';

/** The parts of a mask that hold a seed; all of it where no seed lies in it. Face neighbours. */
export function keepSeeded(mask: Uint8Array, size: Triple, seeds: Int8Array): Uint8Array {
  const out = new Uint8Array(mask.length);
  const stack: number[] = [];
  for (let at = 0; at < mask.length; at++)
    if (mask[at] === 1 && seeds[at] === 1 && out[at] === 0) {
      out[at] = 1;
      stack.push(at);
    }
  if (stack.length === 0) return mask;
  flood(mask, out, size, stack);
  return out;
}

/** Fills what is enclosed in all directions. */
export function fillEnclosed(mask: Uint8Array, size: Triple, never: Int8Array): Uint8Array {
  const [ni, nj, nk] = size;
  const outside = new Uint8Array(mask.length);
  for (let at = 0; at < mask.length; at++) outside[at] = 1 - (mask[at] as number);
  const reached = new Uint8Array(mask.length);
  const stack: number[] = [];
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, at++) {
        // A single slice has no third direction to be enclosed in.
        const edge = i === 0 || i === ni - 1 || j === 0 || j === nj - 1 || (nk > 1 && (k === 0 || k === nk - 1));
        if (edge && outside[at] === 1) {
          reached[at] = 1;
          stack.push(at);
        }
      }
  flood(outside, reached, size, stack);
  const out = mask.slice();
  for (let at = 0; at < out.length; at++) if (reached[at] === 0 && never[at] !== -1) out[at] = 1;
  return out;
}

/** Run by run. */
function flood(mask: Uint8Array, out: Uint8Array, [ni, nj, nk]: Triple, stack: number[]): void {
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const row = Math.floor(at / ni);
    const [first, last] = [row * ni, row * ni + ni];
    let [from, end] = [at, at + 1];
    while (from > first && mask[from - 1] === 1 && out[from - 1] === 0) out[--from] = 1;
    while (end < last && mask[end] === 1 && out[end] === 0) out[end++] = 1;
    const j = row % nj;
    const k = (row - j) / nj;
    const ways = [j > 0 ? -ni : 0, j + 1 < nj ? ni : 0, k > 0 ? -ni * nj : 0, k + 1 < nk ? ni * nj : 0];
    for (const way of ways) {
      if (way === 0) continue;
      let isOpen = false;
      for (let n = from + way; n < end + way; n++) {
        const was = isOpen;
        isOpen = mask[n] === 1 && out[n] === 0;
        // The rest of a run follows from its first voxel.
        if (!isOpen || was) continue;
        out[n] = 1;
        stack.push(n);
      }
    }
  }
}

/** A mask and all voxels beside it along the axes and across. */
export function nearOf(mask: Uint8Array, [ni, nj, nk]: Triple): Uint8Array {
  let out = mask;
  for (const [stride, count] of [
    [1, ni],
    [ni, nj],
    [ni * nj, nk],
  ] as const) {
    const wide = out.slice();
    for (let at = 0; at < out.length; at++) {
      if (out[at] !== 1) continue;
      const index = Math.floor(at / stride) % count;
      if (index > 0) wide[at - stride] = 1;
      if (index + 1 < count) wide[at + stride] = 1;
    }
    out = wide;
  }
  return out;
}

/** Which faces of the region a mask reaches, lower and upper along i, j, k. */
export function touchedFaces(mask: Uint8Array, [ni, nj, nk]: Triple): readonly (readonly [boolean, boolean])[] {
  const touched = [
    [false, false],
    [false, false],
    [false, false],
  ] as [boolean, boolean][];
  const look = (axis: 0 | 1 | 2, end: 0 | 1, at: number): void => {
    if (mask[at] === 1) (touched[axis] as [boolean, boolean])[end] = true;
  };
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      const row = ni * (j + nj * k);
      look(0, 0, row);
      look(0, 1, row + ni - 1);
    }
  for (let k = 0; k < nk; k++)
    for (let i = 0; i < ni; i++) {
      look(1, 0, i + ni * nj * k);
      look(1, 1, i + ni * (nj - 1 + nj * k));
    }
  for (let at = 0; at < ni * nj; at++) {
    look(2, 0, at);
    look(2, 1, at + ni * nj * (nk - 1));
  }
  return touched;
}
