import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { invalidFile } from './failure.ts';
import type { DecodedImage, FileLabel, ReadLabels } from './types.ts';

const highest = 65535;

/** A decoded image as labels. Throws `invalid-file` where a voxel is no integer of 0 to 65,535: then it is a picture, not a mask. */
export function toLabels(path: string, { volume, format, contentHash, warnings, source, fileLabels = [] }: DecodedImage): ReadLabels {
  const { data } = volume;
  const seen = new Uint8Array(highest + 1);
  for (let n = 0; n < data.length; n++) {
    const value = data[n] as number;
    if (!(value >= 0 && value <= highest) || value !== Math.trunc(value)) {
      throw invalidFile(path, `is not a segmentation: it holds the value ${Number(value.toPrecision(6))}; labels are whole numbers from 0 to ${highest}.`);
    }
    seen[value] = 1;
  }
  const present: number[] = [];
  for (let value = 1; value <= highest; value++) if (seen[value] === 1) present.push(value);
  return {
    volume: narrowed(volume, present.at(-1) ?? 0),
    format,
    contentHash,
    warnings,
    labels: present.map((value): FileLabel => fileLabels.find((label) => label.value === value) ?? { value }),
    source,
  };
}

function narrowed({ grid, data }: Volume, largest: number): LabelVolume {
  if (largest <= 255) return { grid, data: data instanceof Uint8Array ? data : Uint8Array.from(data) };
  return { grid, data: data instanceof Uint16Array ? data : Uint16Array.from(data) };
}
