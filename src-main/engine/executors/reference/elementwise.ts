import type { OpAttributes } from '../../ops/attributes.ts';
import { activate, activateDerivative } from './functions.ts';
import { at, type ReferenceKernel } from './tensor.ts';

export const activation: ReferenceKernel<OpAttributes['activation']> = ({ kind }, [x], [y]) => {
  if (x && y) x.data.forEach((value, index) => (y.data[index] = activate(kind, value)));
};

export const activationGrad: ReferenceKernel<OpAttributes['activationGrad']> = ({ kind }, [dy, x], [dx]) => {
  if (dy && x && dx) x.data.forEach((value, index) => (dx.data[index] = at(dy.data, index) * activateDerivative(kind, value)));
};

export const add: ReferenceKernel<OpAttributes['add']> = (_attributes, [a, b], [y]) => {
  if (a && b && y) a.data.forEach((value, index) => (y.data[index] = value + at(b.data, index)));
};

export const multiply: ReferenceKernel<OpAttributes['multiply']> = (_attributes, [a, b], [y]) => {
  if (a && b && y) a.data.forEach((value, index) => (y.data[index] = value * at(b.data, index)));
};

export const gradientNorm: ReferenceKernel<OpAttributes['gradientNorm']> = (_attributes, inputs, [norm]) => {
  if (norm) norm.data[0] = Math.sqrt(inputs.reduce((total, { data }) => total + data.reduce((sum, value) => sum + value * value, 0), 0));
};

export const adamW: ReferenceKernel<OpAttributes['adamW']> = (
  { beta1, beta2, epsilon, weightDecay },
  [parameter, gradient, m, v, norm, hyper, lossScale],
  [nextParameter, nextM, nextV],
) => {
  if (!parameter || !gradient || !m || !v || !norm || !hyper || !nextParameter || !nextM || !nextV) return;
  const [rate, correction1, correction2, maximum] = [0, 1, 2, 3].map((index) => at(hyper.data, index)) as [number, number, number, number];
  const factor = lossScale ? 1 / at(lossScale.data, 0) : 1;
  const total = at(norm.data, 0) * factor;
  const usable = Number.isFinite(total);
  const scale = maximum > 0 ? Math.min(1, maximum / (total + 1e-6)) : 1;
  for (let index = 0; index < parameter.data.length; index++) {
    const g = at(gradient.data, index) * factor * scale;
    const m1 = beta1 * at(m.data, index) + (1 - beta1) * g;
    const v1 = beta2 * at(v.data, index) + (1 - beta2) * g * g;
    const p = at(parameter.data, index);
    nextM.data[index] = usable ? m1 : at(m.data, index);
    nextV.data[index] = usable ? v1 : at(v.data, index);
    nextParameter.data[index] = usable
      ? p * (1 - rate * weightDecay) - (rate * (m1 / correction1)) / (Math.sqrt(v1 / correction2) + epsilon)
      : p;
  }
};
