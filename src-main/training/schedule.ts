/**
 * Learning rate at a point of the budget: linear warm-up over the first `warmUp` of it, then half a cosine down to a hundredth of a
 * thousandth of the peak. `fraction` in [0, 1] is of steps or of wall-clock time.
 */
export function learningRate(peak: number, warmUp: number, fraction: number): number {
  const at = Math.min(1, Math.max(0, fraction));
  if (at < warmUp) return peak * Math.max(1e-3, at / warmUp);
  const down = (at - warmUp) / (1 - warmUp);
  return peak * Math.max(1e-5, 0.5 * (1 + Math.cos(Math.PI * down)));
}
