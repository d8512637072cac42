/** A voxel counts from this probability on, whatever its class. */
const SURE = 0.9;
/** Below it none does: the other classes together are then as likely. */
const LEAST = 0.5;

/**
 * What a teacher is sure of: from its probabilities (C, voxels) the likeliest class of each voxel, and 1 in `sure` where it is to be
 * believed. Classes are balanced: where a class has less than SURE on average in this patch, as small and rare ones have at first, that average is what
 * its voxels need, so that easy classes do not crowd it out. A voxel needs the lower of what its two likeliest classes need: a border
 * is judged alike from both sides, or the class that needs less would grow from round to round.
 */
export function sureLabels(probabilities: Float32Array, taught: Int32Array, sure: Uint8Array): void {
  const voxels = taught.length;
  const classes = probabilities.length / voxels;
  const confidence = probabilities.slice(0, voxels);
  const second = new Float32Array(voxels);
  const rival = new Uint8Array(voxels);
  taught.fill(0);
  for (let c = 1; c < classes; c++)
    for (let v = 0, at = c * voxels; v < voxels; v++, at++) {
      const p = probabilities[at] as number;
      if (p > (confidence[v] as number)) {
        second[v] = confidence[v] as number;
        rival[v] = taught[v] as number;
        confidence[v] = p;
        taught[v] = c;
      } else if (p > (second[v] as number)) {
        second[v] = p;
        rival[v] = c;
      }
    }
  const needed = neededOf(confidence, taught, classes);
  for (let v = 0; v < voxels; v++) {
    const least = Math.min(needed[taught[v] as number] as number, needed[rival[v] as number] as number);
    sure[v] = (confidence[v] as number) >= least ? 1 : 0;
  }
}

/** The probability from which on each class is believed: its average where it is predicted, within LEAST and SURE. */
function neededOf(confidence: Float32Array, taught: Int32Array, classes: number): Float64Array {
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  for (let v = 0; v < taught.length; v++) {
    const c = taught[v] as number;
    sums[c] = (sums[c] as number) + (confidence[v] as number);
    counts[c] = (counts[c] as number) + 1;
  }
  return sums.map((sum, c) => (counts[c] === 0 ? SURE : Math.max(LEAST, Math.min(SURE, sum / (counts[c] as number)))));
}
