import type { Features } from './features.ts';

/** A voxel that is learned from: `target` 1 belongs, 0 does not; `weight` above 0. */
export interface Sample {
  readonly at: number;
  readonly target: 0 | 1;
  readonly weight: number;
}

const rounds = 8;

/**
 * Probability of each voxel to belong, by logistic regression on the features and their squares, with a ridge. Samples of the two
 * classes are to weigh about the same. Deterministic: Newton's steps from 0.
 */
export function classify({ channels, voxels }: Features, samples: readonly Sample[], ridge: number): Float32Array {
  const count = 2 * channels.length + 1;
  const rows = samples.map(({ at }) => {
    const row = new Float64Array(count);
    channels.forEach((channel, n) => {
      const value = channel[at] as number;
      row[2 * n] = value;
      row[2 * n + 1] = value * value - 1;
    });
    row[count - 1] = 1;
    return row;
  });
  const weights = learn(rows, samples, ridge);
  const out = new Float32Array(voxels);
  // A few at a time, as the processor keeps them near: someone waits.
  const scores = new Float64Array(together);
  for (let from = 0; from < voxels; from += together) {
    const end = Math.min(voxels - from, together);
    scores.fill(weights[count - 1] as number);
    for (const [n, channel] of channels.entries()) {
      const [linear, square] = [weights[2 * n] as number, weights[2 * n + 1] as number];
      for (let i = 0; i < end; i++) {
        const value = channel[from + i] as number;
        scores[i] = (scores[i] as number) + value * (linear + square * value) - square;
      }
    }
    for (let i = 0; i < end; i++) out[from + i] = 1 / (1 + Math.exp(-(scores[i] as number)));
  }
  return out;
}

const together = 2048;

function learn(rows: readonly Float64Array[], samples: readonly Sample[], ridge: number): Float64Array {
  const count = rows[0]?.length ?? 0;
  const weights = new Float64Array(count);
  for (let round = 0; round < rounds; round++) {
    const matrix = new Float64Array(count * count);
    const right = new Float64Array(count);
    rows.forEach((row, n) => {
      const { target, weight } = samples[n] as Sample;
      let score = 0;
      for (let a = 0; a < count; a++) score += (row[a] as number) * (weights[a] as number);
      const chance = 1 / (1 + Math.exp(-score));
      const slope = weight * (target - chance);
      const curve = weight * Math.max(1e-4, chance * (1 - chance));
      for (let a = 0; a < count; a++) {
        const scaled = curve * (row[a] as number);
        right[a] = (right[a] as number) + slope * (row[a] as number);
        for (let b = 0; b <= a; b++) matrix[a * count + b] = (matrix[a * count + b] as number) + scaled * (row[b] as number);
      }
    });
    // The last weight is the offset: nothing holds it at 0.
    for (let a = 0; a + 1 < count; a++) {
      matrix[a * count + a] = (matrix[a * count + a] as number) + ridge;
      right[a] = (right[a] as number) - ridge * (weights[a] as number);
    }
    matrix[count * count - 1] = (matrix[count * count - 1] as number) + 1e-6;
    const step = solve(matrix, right, count);
    let largest = 0;
    for (let a = 0; a < count; a++) {
      weights[a] = (weights[a] as number) + (step[a] as number);
      largest = Math.max(largest, Math.abs(step[a] as number));
    }
    if (largest < 1e-3) break;
  }
  return weights;
}

/** Cholesky of a symmetric positive definite matrix, of which the lower half is given; in place. */
function solve(matrix: Float64Array, right: Float64Array, count: number): Float64Array {
  for (let a = 0; a < count; a++)
    for (let b = 0; b <= a; b++) {
      let sum = matrix[a * count + b] as number;
      for (let c = 0; c < b; c++) sum -= (matrix[a * count + c] as number) * (matrix[b * count + c] as number);
      matrix[a * count + b] = a === b ? Math.sqrt(Math.max(1e-12, sum)) : sum / (matrix[b * count + b] as number);
    }
  const out = right.slice();
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < a; b++) out[a] = (out[a] as number) - (matrix[a * count + b] as number) * (out[b] as number);
    out[a] = (out[a] as number) / (matrix[a * count + a] as number);
  }
  for (let a = count - 1; a >= 0; a--) {
    for (let b = a + 1; b < count; b++) out[a] = (out[a] as number) - (matrix[b * count + a] as number) * (out[b] as number);
    out[a] = (out[a] as number) / (matrix[a * count + a] as number);
  }
  return out;
}
