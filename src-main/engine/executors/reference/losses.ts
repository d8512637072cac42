import type { DiceCrossEntropyAttributes, OpAttributes } from '../../ops/attributes.ts';
import { around, regionWeights } from '../../ops/losses.ts';
import { at, extents, type ReferenceKernel, type ReferenceTensor } from './tensor.ts';

/** Softmax over the channels of the voxel at `base`. */
function probabilities(logits: ReferenceTensor, base: number): number[] {
  const { c, voxels } = extents(logits);
  const values = Array.from({ length: c }, (_unused, channel) => at(logits.data, base + channel * voxels));
  const highest = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - highest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

export const softmax: ReferenceKernel<OpAttributes['softmax']> = (_attributes, [x], [y]) => {
  if (!x || !y) return;
  const { n, c, voxels } = extents(x);
  for (let sample = 0; sample < n; sample++)
    for (let voxel = 0; voxel < voxels; voxel++) {
      const base = sample * c * voxels + voxel;
      probabilities(x, base).forEach((p, channel) => (y.data[base + channel * voxels] = p));
    }
};

/** Whether a class's region holds another class. */
function holdsOf(inside: readonly number[], count: number): (region: number, channel: number) => boolean {
  const chains = Array.from({ length: count }, (_unused, channel) => around(inside, channel) ?? []);
  return (region, channel) => chains[channel]?.includes(region) === true;
}

export const diceCrossEntropy: ReferenceKernel<DiceCrossEntropyAttributes> = (
  { diceWeight, crossEntropyWeight, epsilon, overBatch, classWeights, inside },
  [logits, label],
  [loss, dice, crossEntropy, sums],
) => {
  if (!logits || !label || !loss || !dice || !crossEntropy || !sums) return;
  const { n, c, voxels } = extents(logits);
  const holds = holdsOf(inside, c);
  let entropy = 0;
  let weights = 0;
  for (let sample = 0; sample < n; sample++)
    for (let voxel = 0; voxel < voxels; voxel++) {
      const truth = at(label.data, sample * voxels + voxel);
      const weight = classWeights[truth] ?? 1;
      weights += weight;
      const own = probabilities(logits, sample * c * voxels + voxel);
      entropy -= weight * Math.log(own[truth] ?? 0);
      for (let region = 0; region < c; region++) {
        const row = ((overBatch ? 0 : sample) * c + region) * 3;
        const p = own.reduce((sum, probability, channel) => (holds(region, channel) ? sum + probability : sum), 0);
        const t = holds(region, truth) ? 1 : 0;
        sums.data[row] = at(sums.data, row) + p * t;
        sums.data[row + 1] = at(sums.data, row + 1) + p;
        sums.data[row + 2] = at(sums.data, row + 2) + t;
      }
    }
  entropy /= weights;
  const rows = sums.data.length / 3;
  let overlap = 0;
  for (let row = 0; row < rows; row++)
    overlap += (2 * at(sums.data, 3 * row) + epsilon) / (at(sums.data, 3 * row + 1) + at(sums.data, 3 * row + 2) + epsilon) / rows;
  dice.data[0] = 1 - overlap;
  crossEntropy.data[0] = entropy;
  loss.data[0] = diceWeight * (1 - overlap) + crossEntropyWeight * entropy;
};

export const diceCrossEntropyGrad: ReferenceKernel<DiceCrossEntropyAttributes> = (
  attributes,
  [logits, label, sums, upstream],
  [dLogits],
) => {
  const { diceWeight, crossEntropyWeight, epsilon, overBatch, classWeights, inside } = attributes;
  if (!logits || !label || !sums || !dLogits) return;
  const factor = upstream ? at(upstream.data, 0) : 1;
  const { n, c, voxels } = extents(logits);
  const rows = sums.data.length / 3;
  const holds = holdsOf(inside, c);
  let weights = 0;
  const counts = regionWeights(attributes, c);
  for (let row = 0; row < rows; row++) weights += (counts[row % c] ?? 1) * at(sums.data, 3 * row + 2);
  for (let sample = 0; sample < n; sample++)
    for (let voxel = 0; voxel < voxels; voxel++) {
      const base = sample * c * voxels + voxel;
      const truth = at(label.data, sample * voxels + voxel);
      const p = probabilities(logits, base);
      const dRegion = p.map((_unused, channel) => {
        const row = ((overBatch ? 0 : sample) * c + channel) * 3;
        const numerator = 2 * at(sums.data, row) + epsilon;
        const denominator = at(sums.data, row + 1) + at(sums.data, row + 2) + epsilon;
        const t = holds(channel, truth) ? 1 : 0;
        return (-diceWeight / rows) * ((2 * t) / denominator - numerator / denominator ** 2);
      });
      const dProbability = p.map((_unused, channel) =>
        dRegion.reduce((sum, slope, region) => (holds(region, channel) ? sum + slope : sum), 0),
      );
      const mean = p.reduce((sum, probability, channel) => sum + probability * (dProbability[channel] ?? 0), 0);
      const entropyPart = (crossEntropyWeight * (classWeights[truth] ?? 1)) / weights;
      p.forEach((probability, channel) => {
        const t = truth === channel ? 1 : 0;
        dLogits.data[base + channel * voxels] =
          factor * (probability * ((dProbability[channel] ?? 0) - mean) + entropyPart * (probability - t));
      });
    }
};

/** Calls `visit(base, truth, probabilities)` for every masked slice and clusterer; probabilities are softmax(logits/τ) over K. */
function forMasked(
  temperature: number,
  logits: ReferenceTensor,
  pseudo: ReferenceTensor,
  masked: ReferenceTensor,
  visit: (base: number, truth: number, p: readonly number[]) => void,
): void {
  const [, , n = 1, k = 1] = logits.type.shape;
  for (let row = 0; row < pseudo.data.length; row++) {
    if (at(masked.data, Math.floor(row / n)) === 0) continue;
    const values = Array.from(logits.data.subarray(row * k, (row + 1) * k), (value) => value / temperature);
    const highest = Math.max(...values);
    const sum = values.reduce((total, value) => total + Math.exp(value - highest), 0);
    visit(
      row * k,
      at(pseudo.data, row),
      values.map((value) => Math.exp(value - highest) / sum),
    );
  }
}

export const pseudoLabelLoss: ReferenceKernel<OpAttributes['pseudoLabelLoss']> = ({ temperature }, [logits, pseudo, masked], [loss]) => {
  if (!logits || !pseudo || !masked || !loss) return;
  forMasked(temperature, logits, pseudo, masked, (_base, truth, p) => {
    loss.data[0] = at(loss.data, 0) - Math.log(p[truth] ?? 0);
  });
};

export const pseudoLabelLossGrad: ReferenceKernel<OpAttributes['pseudoLabelLossGrad']> = (
  { temperature },
  [logits, pseudo, masked, upstream],
  [dLogits],
) => {
  if (!logits || !pseudo || !masked || !dLogits) return;
  const factor = upstream ? at(upstream.data, 0) : 1;
  forMasked(temperature, logits, pseudo, masked, (base, truth, p) => {
    p.forEach((probability, index) => (dLogits.data[base + index] = (factor * (probability - (index === truth ? 1 : 0))) / temperature));
  });
};
