import type { HostData } from './tensorType.ts';

/** Largest difference over the largest expected magnitude (at least 1e-6); infinite where a value is missing or no number. */
export function relativeError(actual: HostData, expected: HostData): number {
  let scale = 0;
  let worst = 0;
  for (const [index, value] of expected.entries()) {
    scale = Math.max(scale, Math.abs(value));
    const difference = Math.abs(Number(actual[index]) - value);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  return worst / Math.max(scale, 1e-6);
}
