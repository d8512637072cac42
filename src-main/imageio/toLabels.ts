import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { invalidFile } from './failure.ts';
import { withoutOverlaps } from './layeredLabels.ts';
import type { DecodedImage, FileLabel, ReadLabels } from './types.ts';

const highest = 65535;

/**
 * A decoded image as labels, with its overlaps kept or given to the label of the fewest voxels. Throws `invalid-file` where a voxel is no integer
 * of 0 to 65,535: then it is a picture, not a mask.
 */
export function toLabels(path: string, decoded: DecodedImage, keepsOverlaps = false): ReadLabels {
  const { volume, format, contentHash, source, fileLabels = [], combinations = [] } = decoded;
  const { data } = volume;
  const seen = new Uint8Array(highest + 1);
  for (let n = 0; n < data.length; n++) {
    const value = data[n] as number;
    if (!(value >= 0 && value <= highest) || value !== Math.trunc(value)) {
      throw invalidFile(
        path,
        `is not a segmentation: it holds the value ${Number(value.toPrecision(6))}; labels are whole numbers from 0 to ${highest}.`,
      );
    }
    seen[value] = 1;
  }
  const codes = new Map(combinations.map(({ code, values }) => [code, values]));
  const present: number[] = [];
  for (let value = 1; value <= highest; value++) if (seen[value] === 1) present.push(...(codes.get(value) ?? [value]));
  const values = [...new Set(present)].sort((a, b) => a - b);
  const labelOf = (value: number): FileLabel => fileLabels.find((label) => label.value === value) ?? { value };
  const lost =
    keepsOverlaps || !(data instanceof Uint16Array)
      ? []
      : withoutOverlaps(data, combinations, (value) => labelOf(value).name ?? String(value));
  return {
    volume: narrowed(volume, keepsOverlaps ? Math.max(0, ...present, ...codes.keys()) : (values.at(-1) ?? 0)),
    format,
    contentHash,
    warnings: [...decoded.warnings, ...lost],
    labels: values.map(labelOf),
    combinations: keepsOverlaps ? combinations : [],
    source,
  };
}

function narrowed({ grid, data }: Volume, largest: number): LabelVolume {
  if (largest <= 255) return { grid, data: data instanceof Uint8Array ? data : Uint8Array.from(data) };
  return { grid, data: data instanceof Uint16Array ? data : Uint16Array.from(data) };
}
