import type { AxisNumbers, ImportedModelCard, NnunetPipeline } from '#shared/domain/importedModel.ts';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { axisMapTo, orientationCode, permuteVolume } from '#shared/geometry/orientation.ts';
import type { VolumePrediction } from '../predictVolume.ts';
import { HalfRounding } from './half.ts';
import { logitWindows, type LogitPredictor, type LogitWindowOptions } from './logitWindows.ts';
import { orientedFor, picked, preprocess, type PreprocessedImage } from './preprocess.ts';
import { linearSamplers, separateAxis, type LinearSampler } from './resize.ts';

export interface ImportedPredictionOptions extends Omit<LogitWindowOptions, 'mirrorAxes' | 'half'> {
  /** As the checkpoint allows it; true unless given. */
  readonly mirror?: boolean;
  readonly uncertainty?: boolean;
}

/**
 * Predicts an image, one volume per channel, by nnU-Net's own pipeline; labels lie on the grid of the first. Throws `invalid-file` where
 * channels lie on different grids or hold no numbers, `invalid-argument` where there are too few.
 */
export async function predictImported(
  images: readonly Volume[],
  { pipeline }: Pick<ImportedModelCard, 'pipeline'>,
  predictor: LogitPredictor,
  options: ImportedPredictionOptions = {},
): Promise<VolumePrediction> {
  const oriented = images.map((image) => orientedFor(image, pipeline));
  const prepared = preprocess(oriented, pipeline);
  const voting = new Voting(prepared, pipeline, predictor.heads, options.uncertainty ?? false);
  await logitWindows(
    prepared.channels,
    prepared.size,
    predictor,
    { ...options, half: true, mirrorAxes: options.mirror === false ? [] : pipeline.mirrorAxes },
    (plane, logits) => voting.take(plane, logits),
  );
  const [image] = images as [Volume];
  const [turned] = oriented as [Volume];
  const back = (data: Uint8Array): Volume<Uint8Array> => {
    const volume = { grid: turned.grid, data };
    return turned === image ? volume : { ...reoriented(volume, image), grid: image.grid };
  };
  return { labels: back(voting.labels), uncertainty: voting.uncertainty === undefined ? undefined : back(voting.uncertainty) };
}

/** On the axes of another volume, which differ by order and direction alone. */
function reoriented(volume: Volume<Uint8Array>, like: Volume): Volume<Uint8Array> {
  return permuteVolume(volume, axisMapTo(volume.grid, orientationCode(like.grid.affine)));
}

/**
 * Turns planes of logits, which come in order, into labels on the image's own grid: resampled to the cropped image (one plane of results needs
 * two of logits), the best head or the regions written one over the other, pasted back, and transposed back.
 */
class Voting {
  readonly labels: Uint8Array;
  readonly uncertainty: Uint8Array | undefined;
  readonly #image: PreprocessedImage;
  readonly #pipeline: NnunetPipeline;
  readonly #heads: number;
  readonly #samplers: readonly [LinearSampler, LinearSampler, LinearSampler];
  /** Memory steps of the result along the transposed axes. */
  readonly #steps: AxisNumbers;
  readonly #between: Float32Array;
  #previous: Float32Array | undefined;
  #current: Float32Array;
  #next = 0;

  constructor(image: PreprocessedImage, pipeline: NnunetPipeline, heads: number, uncertainty: boolean) {
    this.#image = image;
    this.#pipeline = pipeline;
    this.#heads = heads;
    const { resampleLogits: rule, spacing } = pipeline;
    this.#samplers = linearSamplers(image.size, image.box.size, rule, separateAxis(rule, spacing, image.spacing));
    const stored = unpicked(image.wholeSize, pipeline.transpose);
    this.#steps = picked([stored[1] * stored[2], stored[2], 1], pipeline.transpose);
    this.#between = new Float32Array(heads * image.size[1] * image.size[2]);
    this.#current = new Float32Array(this.#between.length);
    this.labels = new Uint8Array(stored[0] * stored[1] * stored[2]);
    this.uncertainty = uncertainty ? new Uint8Array(this.labels.length) : undefined;
  }

  take(plane: number, finished: Float32Array): void {
    const [{ low, high, share }] = this.#samplers;
    const logits = this.#current;
    logits.set(finished);
    for (; this.#next < low.length && (high[this.#next] as number) <= plane; this.#next++) {
      const part = share[this.#next] as number;
      const lower = (low[this.#next] as number) === plane ? logits : (this.#previous ?? logits);
      if (part === 0) this.#between.set(lower);
      else
        for (let at = 0; at < this.#between.length; at++)
          this.#between[at] = (1 - part) * (lower[at] as number) + part * (logits[at] as number);
      this.#vote(this.#next);
    }
    [this.#previous, this.#current] = [logits, this.#previous ?? new Float32Array(logits.length)];
  }

  #vote(d: number): void {
    const [, alongH, alongW] = this.#samplers;
    const { box, size } = this.#image;
    const [, height, width] = size;
    const area = height * width;
    const heads = this.#heads;
    const values = new Float32Array(heads);
    const rounding = new HalfRounding(values);
    for (let h = 0; h < box.size[1]; h++) {
      const a = (alongH.low[h] as number) * width;
      const b = (alongH.high[h] as number) * width;
      const partH = alongH.share[h] as number;
      const line = (d + box.start[0]) * this.#steps[0] + (h + box.start[1]) * this.#steps[1] + box.start[2] * this.#steps[2];
      for (let w = 0; w < box.size[2]; w++) {
        const low = alongW.low[w] as number;
        const high = alongW.high[w] as number;
        const partW = alongW.share[w] as number;
        for (let head = 0, base = 0; head < heads; head++, base += area) {
          const first = (1 - partW) * (this.#between[base + a + low] as number) + partW * (this.#between[base + a + high] as number);
          values[head] =
            partH === 0
              ? first
              : (1 - partH) * first +
                partH * ((1 - partW) * (this.#between[base + b + low] as number) + partW * (this.#between[base + b + high] as number));
        }
        // Resized logits are kept in half precision, too: what is equal there is the first head's.
        rounding.round();
        const target = line + w * this.#steps[2];
        this.labels[target] = this.#label(values);
        if (this.uncertainty !== undefined)
          this.uncertainty[target] = Math.round(255 * (this.#pipeline.output.kind === 'labels' ? entropy(values) : regionEntropy(values)));
      }
    }
  }

  #label(values: Float32Array): number {
    const { kind, values: written } = this.#pipeline.output;
    let chosen = 0;
    if (kind === 'regions') {
      for (let head = 0; head < values.length; head++) if ((values[head] as number) > 0) chosen = written[head] ?? 0;
      return chosen;
    }
    for (let head = 1; head < values.length; head++) if ((values[head] as number) > (values[chosen] as number)) chosen = head;
    return written[chosen] ?? 0;
  }
}

/** Entropy of the softmax relative to its maximum, 0..1. */
function entropy(logits: Float32Array): number {
  const highest = Math.max(...logits);
  let total = 0;
  let weighted = 0;
  for (const value of logits) {
    const weight = Math.exp(value - highest);
    total += weight;
    weighted += weight * (value - highest);
  }
  return Math.min(1, Math.max(0, (Math.log(total) - weighted / total) / Math.log(Math.max(2, logits.length))));
}

/** The largest of the regions' own entropies, 0..1. */
function regionEntropy(logits: Float32Array): number {
  let largest = 0;
  for (const value of logits) {
    const p = 1 / (1 + Math.exp(-Math.abs(value)));
    if (p < 1) largest = Math.max(largest, -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p)));
  }
  return largest;
}

/** The numbers in stored order whose transposition is given. */
function unpicked(numbers: AxisNumbers, axes: AxisNumbers): Triple {
  const stored = [0, 0, 0];
  axes.forEach((axis, index) => (stored[axis] = numbers[index] ?? 0));
  const [a = 0, b = 0, c = 0] = stored;
  return [a, b, c];
}
