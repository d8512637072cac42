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
  const outside = mask.map((value) => 1 - value);
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
  return mask.map((value, at) => (value === 1 || (reached[at] === 0 && never[at] !== -1) ? 1 : 0));
}

function flood(mask: Uint8Array, out: Uint8Array, [ni, nj, nk]: Triple, stack: number[]): void {
  const visit = (at: number): void => {
    if (mask[at] !== 1 || out[at] === 1) return;
    out[at] = 1;
    stack.push(at);
  };
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const i = at % ni;
    const row = (at - i) / ni;
    const j = row % nj;
    const k = (row - j) / nj;
    if (i > 0) visit(at - 1);
    if (i + 1 < ni) visit(at + 1);
    if (j > 0) visit(at - ni);
    if (j + 1 < nj) visit(at + ni);
    if (k > 0) visit(at - ni * nj);
    if (k + 1 < nk) visit(at + ni * nj);
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
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] !== 1) continue;
    const place = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
    place.forEach((index, axis) => {
      const faces = touched[axis] as [boolean, boolean];
      if (index === 0) faces[0] = true;
      if (index === ([ni, nj, nk][axis] as number) - 1) faces[1] = true;
    });
  }
  return touched;
}
