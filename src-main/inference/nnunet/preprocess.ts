import { StudioError } from '#shared/base/errors.ts';
import type { AxisNumbers, NnunetNormalisation, NnunetPipeline } from '#shared/domain/importedModel.ts';
import { spacing as spacingOf, type LabelVolume, type Volume } from '#shared/geometry/grid.ts';
import { reorientToCanonical } from '#shared/geometry/orientation.ts';
import { resizeChannel, resizedShape } from './resize.ts';

/** Half-open, along the transposed axes. */
export interface CropBox {
  readonly start: AxisNumbers;
  readonly size: AxisNumbers;
}

/** An image as nnU-Net's network sees it, and the way back. Axes are transposed ones, the first slowest. */
export interface PreprocessedImage {
  readonly channels: readonly Float32Array[];
  readonly size: AxisNumbers;
  readonly box: CropBox;
  /** Before the crop. */
  readonly wholeSize: AxisNumbers;
  /** Of the image, transposed. */
  readonly spacing: AxisNumbers;
}

/** The image on the axes that the pipeline reads: as stored, or turned to the closest RAS ones. */
export function orientedFor<V extends Volume>(volume: V, { orientation }: Pick<NnunetPipeline, 'orientation'>): Volume {
  return orientation === 'canonical' ? reorientToCanonical(volume) : volume;
}

/**
 * nnU-Net's preprocessing: transposition, crop to what is not zero, normalisation, resampling. `images` are one per channel, on one grid and
 * oriented (`orientedFor`). Throws `invalid-file` where channels differ in size or values are not numbers.
 */
export function preprocess(images: readonly Volume[], pipeline: Omit<NnunetPipeline, 'mirrorAxes'>): PreprocessedImage {
  const [first] = images;
  if (first === undefined || images.length !== pipeline.channels.length)
    throw new StudioError('invalid-argument', `This model needs ${pipeline.channels.length} images of a case, not ${images.length}.`);
  const [ni, nj, nk] = first.grid.size;
  if (images.some(({ grid }) => grid.size.join() !== first.grid.size.join()))
    throw new StudioError('invalid-file', 'The images of this case differ in size: they must lie on one grid.');
  const [si, sj, sk] = spacingOf(first.grid);
  const spacing = picked([sk, sj, si].map(Math.fround) as unknown as AxisNumbers, pipeline.transpose);
  const wholeSize = picked([nk, nj, ni], pipeline.transpose);
  const whole = images.map(({ data }) => transposed(data, [nk, nj, ni], pipeline.transpose));
  for (const channel of whole) requireNumbers(channel);
  const mask = filledMask(whole, wholeSize);
  const box = boundsOf(mask, wholeSize);
  const inside = cropped(mask, wholeSize, box);
  const size = resizedShape(box.size, spacing, pipeline.spacing);
  const channels = whole.map((channel, index) => {
    const data = cropped(channel, wholeSize, box);
    normalise(data, inside, pipeline.channels[index]?.normalisation ?? { scheme: 'none' });
    return resizeChannel(data, box.size, size, pipeline.resampleImage, spacing, pipeline.spacing);
  });
  return { channels, size, box, wholeSize, spacing };
}

/**
 * The labels of an image as nnU-Net trains on them: transposed, cropped and resized with it (`image`: what `preprocess` made of it). Where sizes
 * change each label is resized linearly by itself, and the one with the largest part counts. `labels` lie on the image's own grid.
 */
export function preprocessLabels(labels: LabelVolume, image: PreprocessedImage, pipeline: Omit<NnunetPipeline, 'mirrorAxes'>): Uint8Array {
  const { grid, data } = orientedFor(labels, pipeline);
  const [ni, nj, nk] = grid.size;
  const own = cropped(transposed(data, [nk, nj, ni], pipeline.transpose), image.wholeSize, image.box);
  if (image.size.every((extent, axis) => extent === image.box.size[axis])) return Uint8Array.from(own);
  const rule = { ...pipeline.resampleImage, order: 1 } as const;
  const largest = new Float32Array(image.size[0] * image.size[1] * image.size[2]);
  const result = new Uint8Array(largest.length);
  for (const value of [...new Set(own)].sort((a, b) => a - b)) {
    const alone = own.map((each) => (each === value ? 1 : 0));
    const part = resizeChannel(alone, image.box.size, image.size, rule, image.spacing, pipeline.spacing);
    for (let at = 0; at < result.length; at++) {
      if ((part[at] as number) <= (largest[at] as number)) continue;
      largest[at] = part[at] as number;
      result[at] = value;
    }
  }
  return result;
}

export function picked(numbers: AxisNumbers, [a, b, c]: AxisNumbers): AxisNumbers {
  const at = (axis: number): number => numbers[axis] ?? 0;
  return [at(a), at(b), at(c)];
}

/** numpy.transpose of a C-ordered array; always new memory. */
export function transposed(data: Volume['data'], size: AxisNumbers, axes: AxisNumbers): Float32Array {
  if (axes.every((axis, index) => axis === index)) return Float32Array.from(data);
  const strides: AxisNumbers = [size[1] * size[2], size[2], 1];
  const [d, h, w] = picked(size, axes);
  const [sd, sh, sw] = picked(strides, axes);
  const result = new Float32Array(data.length);
  let at = 0;
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) {
      const row = z * sd + y * sh;
      for (let x = 0; x < w; x++) result[at++] = data[row + x * sw] as number;
    }
  return result;
}

function requireNumbers(data: Float32Array): void {
  for (const value of data) {
    if (!Number.isFinite(value))
      throw new StudioError(
        'invalid-file',
        'The image holds values that are not numbers (NaN or infinite): export it again from its source.',
      );
  }
}

/** 1 where any channel is not zero, and in what such voxels enclose (neighbours across faces). */
function filledMask(channels: readonly Float32Array[], size: AxisNumbers): Uint8Array {
  const [d, h, w] = size;
  const mask = new Uint8Array(d * h * w);
  for (const channel of channels) for (let at = 0; at < mask.length; at++) if (channel[at] !== 0) mask[at] = 1;
  // 2: background that is connected to the border.
  const stack: number[] = [];
  const visit = (at: number): void => {
    if (mask[at] !== 0) return;
    mask[at] = 2;
    stack.push(at);
  };
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) {
      const row = (z * h + y) * w;
      if (z === 0 || z === d - 1 || y === 0 || y === h - 1) for (let x = 0; x < w; x++) visit(row + x);
      else {
        visit(row);
        visit(row + w - 1);
      }
    }
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const x = at % w;
    const y = Math.floor(at / w) % h;
    if (x > 0) visit(at - 1);
    if (x < w - 1) visit(at + 1);
    if (y > 0) visit(at - w);
    if (y < h - 1) visit(at + w);
    if (at >= h * w) visit(at - h * w);
    if (at < (d - 1) * h * w) visit(at + h * w);
  }
  for (let at = 0; at < mask.length; at++) mask[at] = mask[at] === 2 ? 0 : 1;
  return mask;
}

/** The smallest box around what is 1; all of it where nothing is. */
function boundsOf(mask: Uint8Array, size: AxisNumbers): CropBox {
  const [d, h, w] = size;
  const low = [d, h, w];
  const high = [-1, -1, -1];
  const reach = (axis: number, position: number): void => {
    low[axis] = Math.min(low[axis] as number, position);
    high[axis] = Math.max(high[axis] as number, position);
  };
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) {
      const row = mask.subarray((z * h + y) * w, (z * h + y + 1) * w);
      const first = row.indexOf(1);
      if (first < 0) continue;
      reach(0, z);
      reach(1, y);
      reach(2, first);
      reach(2, row.lastIndexOf(1));
    }
  if ((high[0] as number) < 0) return { start: [0, 0, 0], size };
  return {
    start: low as unknown as AxisNumbers,
    size: high.map((last, axis) => last - (low[axis] as number) + 1) as unknown as AxisNumbers,
  };
}

function cropped<A extends Float32Array | Uint8Array>(data: A, size: AxisNumbers, box: CropBox): A {
  const [d, h, w] = box.size;
  const result = (data instanceof Float32Array ? new Float32Array(d * h * w) : new Uint8Array(d * h * w)) as A;
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) {
      const from = ((z + box.start[0]) * size[1] + y + box.start[1]) * size[2] + box.start[2];
      result.set(data.subarray(from, from + w), (z * h + y) * w);
    }
  return result;
}

/** In place, float32 as nnU-Net computes it. `inside`: the crop mask. */
function normalise(data: Float32Array, inside: Uint8Array, rule: NnunetNormalisation): void {
  switch (rule.scheme) {
    case 'none':
      return;
    case 'rgbTo01':
      for (let at = 0; at < data.length; at++) data[at] = (data[at] as number) / 255;
      return;
    case 'rescaleTo01': {
      const { low, high } = rangeOf(data);
      const scale = Math.max(high - low, 1e-8);
      for (let at = 0; at < data.length; at++) data[at] = Math.fround((data[at] as number) - low) / scale;
      return;
    }
    case 'ct': {
      const scale = Math.max(rule.deviation, 1e-8);
      for (let at = 0; at < data.length; at++)
        data[at] = Math.fround(Math.min(rule.high, Math.max(rule.low, data[at] as number)) - rule.mean) / scale;
      return;
    }
    case 'zscore': {
      const counts = (at: number): boolean => !rule.masked || inside[at] !== 0;
      let count = 0;
      let sum = 0;
      for (let at = 0; at < data.length; at++) {
        if (!counts(at)) continue;
        count++;
        sum += data[at] as number;
      }
      if (count === 0) return;
      const mean = sum / count;
      let squares = 0;
      for (let at = 0; at < data.length; at++) if (counts(at)) squares += ((data[at] as number) - mean) ** 2;
      const scale = Math.max(Math.sqrt(squares / count), 1e-8);
      for (let at = 0; at < data.length; at++) if (counts(at)) data[at] = ((data[at] as number) - mean) / scale;
    }
  }
}

function rangeOf(data: Float32Array): { readonly low: number; readonly high: number } {
  let low = Infinity;
  let high = -Infinity;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}
