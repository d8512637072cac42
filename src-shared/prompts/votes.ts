import type { Triple } from '../geometry/grid.ts';

/** So many pixels away is looked for what looks the same. */
export const votesReach = 4;
/** How fast a vote fades with the distance, in pixels. */
const fading = 2.4;
/** Below this, differences of intensity (as `about` has them, squared, of a patch) are noise. */
const noise = 1e-4;

/**
 * For each pixel of a slice, how the pixels about the same place in a known slice vote, each with the likeness of its patch of 3 × 3
 * (label fusion by patches, Coupé 2011): the logarithm of those inside over those outside; where `isOpen` says no, 0.
 */
export function votesFrom(
  known: Float32Array,
  inside: Uint8Array,
  asked: Float32Array,
  [ni, nj]: Triple,
  isOpen: (at: number) => boolean,
): Float32Array {
  const side = 2 * votesReach + 1;
  const near = Float32Array.from({ length: side * side }, (_, n) => {
    const [x, y] = [(n % side) - votesReach, Math.floor(n / side) - votesReach];
    return (x * x + y * y) / (2 * fading * fading);
  });
  const out = new Float32Array(asked.length);
  const differences = new Float32Array(side * side);
  const patch = new Float32Array(9);
  for (let j = 0; j < nj; j++)
    for (let i = 0; i < ni; i++) {
      const at = i + ni * j;
      if (!isOpen(at)) continue;
      patchAt(asked, i, j, ni, nj, patch);
      let least = Infinity;
      const [left, right] = [Math.max(0, i - votesReach), Math.min(ni - 1, i + votesReach)];
      const [top, bottom] = [Math.max(0, j - votesReach), Math.min(nj - 1, j + votesReach)];
      for (let y = top; y <= bottom; y++)
        for (let x = left; x <= right; x++) {
          const difference = unlikeness(patch, known, x, y, ni, nj);
          differences[x - i + votesReach + side * (y - j + votesReach)] = difference;
          if (difference < least) least = difference;
        }
      let [yes, no] = [1e-6, 1e-6];
      for (let y = top; y <= bottom; y++)
        for (let x = left; x <= right; x++) {
          const n = x - i + votesReach + side * (y - j + votesReach);
          const weight = Math.exp(-(differences[n] as number) / (least + noise) - (near[n] as number));
          if (inside[x + ni * y] === 1) yes += weight;
          else no += weight;
        }
      out[at] = Math.log(yes / no);
    }
  return out;
}

function patchAt(values: Float32Array, i: number, j: number, ni: number, nj: number, out: Float32Array): void {
  for (let b = -1, n = 0; b <= 1; b++) {
    const row = ni * Math.min(nj - 1, Math.max(0, j + b));
    for (let a = -1; a <= 1; a++, n++) out[n] = values[row + Math.min(ni - 1, Math.max(0, i + a))] as number;
  }
}

/** The sum of squared differences of a patch and the one about a pixel; beyond the slice as on its border. */
function unlikeness(patch: Float32Array, values: Float32Array, x: number, y: number, ni: number, nj: number): number {
  let sum = 0;
  for (let b = -1, n = 0; b <= 1; b++) {
    const row = ni * Math.min(nj - 1, Math.max(0, y + b));
    for (let a = -1; a <= 1; a++, n++) {
      const change = (patch[n] as number) - (values[row + Math.min(ni - 1, Math.max(0, x + a))] as number);
      sum += change * change;
    }
  }
  return sum;
}
