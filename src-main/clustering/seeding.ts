import type { Random } from '#shared/base/random.ts';

/**
 * Greedy k-means++ (Arthur and Vassilvitskii 2007, with 2 + ln k candidates a step) on points that are given by their inner products:
 * ‖a−b‖² = g(a,a) + g(b,b) − 2·g(a,b), so that no vector is read again. `gram` is n×n. Returns k indices of points, all different as
 * long as the points are.
 */
export function seedByGram(gram: Float32Array, n: number, k: number, random: Random): number[] {
  const norm = Float64Array.from({ length: n }, (_, point) => gram[point * n + point] as number);
  const distance = (a: number, b: number): number =>
    Math.max(0, (norm[a] as number) + (norm[b] as number) - 2 * (gram[a * n + b] as number));
  const chosen = [random.integer(n)];
  const closest = Float64Array.from({ length: n }, (_, point) => distance(chosen[0] as number, point));
  const candidates = 2 + Math.floor(Math.log(k));
  while (chosen.length < k) {
    const total = closest.reduce((sum, value) => sum + value, 0);
    let best = -1;
    let bestPotential = Infinity;
    for (let each = 0; each < candidates; each++) {
      const candidate = draw(closest, total, random);
      let potential = 0;
      for (let point = 0; point < n; point++) potential += Math.min(closest[point] as number, distance(candidate, point));
      if (potential < bestPotential) [best, bestPotential] = [candidate, potential];
    }
    chosen.push(best);
    for (let point = 0; point < n; point++) closest[point] = Math.min(closest[point] as number, distance(best, point));
  }
  return chosen;
}

/** An index with probability proportional to its weight; any, where all weights are zero. */
function draw(weights: Float64Array, total: number, random: Random): number {
  if (!(total > 0)) return random.integer(weights.length);
  let left = random.next() * total;
  for (let index = 0; index < weights.length; index++) {
    left -= weights[index] as number;
    if (left < 0) return index;
  }
  return weights.length - 1;
}
