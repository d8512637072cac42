import { looksLikeCt } from '#shared/domain/modality.ts';
import type { VoxelArray } from '#shared/geometry/grid.ts';
import type { Modality } from '#main/imageio/readImage.ts';

export interface WindowPreset {
  readonly name: string;
  readonly low: number;
  readonly high: number;
}

const sampled = 2_000_000;

/** Common radiological windows, Hounsfield units. */
const computedTomography: readonly WindowPreset[] = [
  { name: 'Soft tissue', low: -160, high: 240 },
  { name: 'Liver', low: -45, high: 165 },
  { name: 'Lung', low: -1350, high: 150 },
  { name: 'Bone', low: -450, high: 1050 },
  { name: 'Brain', low: 0, high: 80 },
];

export interface Intensities {
  /** Smallest and largest finite value of the sample. */
  readonly range: readonly [number, number];
  /** 0.5th and 99.5th percentile. */
  readonly window: readonly [number, number];
}

/** Range and window of a volume from at most two million voxels, evenly spread. All zeros where no voxel is finite. */
export function intensitiesOf(data: VoxelArray): Intensities {
  const step = Math.max(1, Math.ceil(data.length / sampled) | 1);
  const values = new Float64Array(Math.ceil(data.length / step));
  let count = 0;
  for (let i = 0; i < data.length; i += step) {
    const value = data[i] ?? NaN;
    if (Number.isFinite(value)) values[count++] = value;
  }
  if (count === 0) return { range: [0, 0], window: [0, 0] };
  const sorted = values.subarray(0, count).sort();
  const at = (part: number): number => sorted[Math.min(count - 1, Math.round(part * (count - 1)))] ?? 0;
  return { range: [at(0), at(1)], window: [at(0.005), at(0.995)] };
}

/** What to offer for window and level; the first is the one to begin with. */
export function windowsFor(modality: Modality, { range, window }: Intensities): WindowPreset[] {
  const [low, high] = window[1] > window[0] ? window : [range[0], Math.max(range[1], range[0] + 1)];
  const automatic = { name: 'Automatic', low, high };
  const full = { name: 'Full range', low: range[0], high: Math.max(range[1], range[0] + 1) };
  return looksLikeCt(modality, range[0]) ? [...computedTomography, automatic, full] : [automatic, full];
}
