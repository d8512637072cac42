import { LEAKY_SLOPE, type ActivationKind } from '../../ops/attributes.ts';

/** Error function by its Taylor series or, for |x| > 3, the continued fraction of erfc; accurate to about 1e-15. */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude > 6) return Math.sign(x);
  if (magnitude > 3) {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (magnitude + fraction);
    return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (magnitude + fraction)));
  }
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export function activate(kind: ActivationKind, x: number): number {
  switch (kind) {
    case 'none':
      return x;
    case 'relu':
      return Math.max(0, x);
    case 'leakyRelu':
      return x > 0 ? x : LEAKY_SLOPE * x;
    case 'gelu':
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
  }
}

export function activateDerivative(kind: ActivationKind, x: number): number {
  switch (kind) {
    case 'none':
      return 1;
    case 'relu':
      return x > 0 ? 1 : 0;
    case 'leakyRelu':
      return x > 0 ? 1 : LEAKY_SLOPE;
    case 'gelu':
      return 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
  }
}
