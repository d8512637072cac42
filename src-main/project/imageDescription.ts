import type { ImageRecord } from '#shared/domain/image.ts';
import { looksLikeCt } from '#shared/domain/modality.ts';
import type { VoxelArray } from '#shared/geometry/grid.ts';
import { elementTypeOf } from '#main/imageio/elements.ts';
import type { Modality, ReadImage } from '#main/imageio/readImage.ts';

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

/** MR has no units: parts of the range between the dark and the bright percentile, as contrasts are usually read. */
const magneticResonance = (low: number, high: number): WindowPreset[] => {
  const part = (name: string, from: number, to: number): WindowPreset => ({
    name,
    low: low + from * (high - low),
    high: low + to * (high - low),
  });
  return [
    part('Soft tissue', 0.02, 0.6),
    part('Bright signal (fluid, fat)', 0.4, 1.1),
    part('Dark signal (bone, flow)', 0, 0.3),
    part('High contrast', 0.25, 0.6),
  ];
};

/** What to offer for window and level; the first is the one to begin with. */
export function windowsFor(modality: Modality, { range, window }: Intensities): WindowPreset[] {
  const [low, high] = window[1] > window[0] ? window : [range[0], Math.max(range[1], range[0] + 1)];
  const automatic = { name: 'Automatic', low, high };
  const full = { name: 'Full range', low: range[0], high: Math.max(range[1], range[0] + 1) };
  if (looksLikeCt(modality, range[0])) return [...computedTomography, automatic, full];
  return modality === 'MR' ? [automatic, ...magneticResonance(low, high), full] : [automatic, full];
}

/** PET by body weight. */
const uptakeWindows: readonly WindowPreset[] = [
  { name: 'SUV 0–7', low: 0, high: 7 },
  { name: 'SUV 0–5', low: 0, high: 5 },
  { name: 'SUV 0–10', low: 0, high: 10 },
  { name: 'SUV 0–20', low: 0, high: 20 },
];

/** What the window is told of an image before its voxels come. */
export function describeImage({ volume, modality, warnings }: ReadImage, record?: Pick<ImageRecord, 'scale'>) {
  const intensities = intensitiesOf(volume.data);
  return {
    modality,
    grid: volume.grid,
    voxelType: elementTypeOf(volume.data),
    byteLength: volume.data.byteLength,
    slope: 1,
    intercept: 0,
    range: intensities.range,
    windows: record?.scale.unit === 'SUVbw' ? uptakeWindows : windowsFor(modality, intensities),
    warnings: warnings.slice(0, 100),
  };
}
