import { StudioError } from '#shared/base/errors.ts';
import { quantile } from '#shared/domain/metrics.ts';
import type { IntensityRule } from '#shared/domain/modelCard.ts';
import type { VoxelArray } from '#shared/geometry/grid.ts';

const largestSample = 1_000_000;

/** At most a million values, evenly spread over the volume. */
export function sampleIntensities(data: VoxelArray): Float32Array {
  const stride = Math.max(1, Math.floor(data.length / largestSample));
  const sample = new Float32Array(Math.floor((data.length - 1) / stride) + 1);
  for (let at = 0; at < sample.length; at++) sample[at] = data[at * stride] as number;
  return sample;
}

function assertFinite(value: number): void {
  if (!Number.isFinite(value)) {
    throw new StudioError(
      'invalid-file',
      'The image holds values that are not numbers (NaN or infinite): export it again from its source.',
    );
  }
}

/**
 * Intensities as network input, in place. 'window': clipped to [low, high] and scaled to [0, 1]. 'zscore', and the first half of 'local': clipped to two percentiles of
 * the volume, then mean 0 and standard deviation 1 over the volume. Throws `invalid-file` where a value is not finite.
 */
export function normaliseIntensities(data: Float32Array, rule: IntensityRule): void {
  if (rule.kind === 'window') {
    const scale = 1 / (rule.high - rule.low);
    for (let at = 0; at < data.length; at++) {
      const value = data[at] as number;
      assertFinite(value);
      data[at] = (Math.min(rule.high, Math.max(rule.low, value)) - rule.low) * scale;
    }
    return;
  }
  const sample = sampleIntensities(data);
  const low = quantile(sample, rule.lowPercentile / 100);
  const high = quantile(sample, rule.highPercentile / 100);
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < data.length; at++) {
    const raw = data[at] as number;
    assertFinite(raw);
    const value = Math.min(high, Math.max(low, raw));
    data[at] = value;
    sum += value - low;
    squares += (value - low) * (value - low);
  }
  const mean = sum / data.length;
  const deviation = Math.sqrt(Math.max(0, squares / data.length - mean * mean));
  const scale = 1 / (deviation + 1e-6 * Math.max(1e-6, high - low));
  for (let at = 0; at < data.length; at++) data[at] = ((data[at] as number) - low - mean) * (deviation > 0 ? scale : 0);
}
