/** Of 255: below it a background voxel counts as surely background. */
const SURE = 26;

/**
 * Mean uncertainty, 0..1, over what the prediction calls foreground or is unsure of. `uncertainty` (0..255) is the entropy of the mean
 * over mirrored predictions, so that their disagreement is in it. 0 where there is no such voxel.
 */
export function foregroundUncertainty(labels: ArrayLike<number>, uncertainty: ArrayLike<number>): number {
  let [sum, voxels] = [0, 0];
  for (let at = 0; at < labels.length; at++) {
    const value = uncertainty[at] as number;
    if ((labels[at] as number) === 0 && value < SURE) continue;
    sum += value;
    voxels++;
  }
  return voxels === 0 ? 0 : sum / voxels / 255;
}

/** The same where each class is predicted, 1 to `classes` − 1; null for one that is not. */
export function uncertaintyByClass(labels: ArrayLike<number>, uncertainty: ArrayLike<number>, classes: number): (number | null)[] {
  const sums = new Float64Array(classes);
  const voxels = new Float64Array(classes);
  for (let at = 0; at < labels.length; at++) {
    const label = labels[at] as number;
    sums[label] = (sums[label] as number) + (uncertainty[at] as number);
    voxels[label] = (voxels[label] as number) + 1;
  }
  return Array.from(sums, (sum, label) => (voxels[label] === 0 ? null : sum / (voxels[label] as number) / 255)).slice(1);
}

/** Part of the voxels that at least one of two predictions calls foreground on which they differ, 0..1. 0 where both found nothing. */
export function disagreement(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [differing, foreground] = [0, 0];
  for (let at = 0; at < a.length; at++) {
    if (a[at] === 0 && b[at] === 0) continue;
    foreground++;
    if (a[at] !== b[at]) differing++;
  }
  return foreground === 0 ? 0 : differing / foreground;
}
