import type { LabelVolume } from '#shared/geometry/grid.ts';

/** Makes the voxels of these labels background, in place. */
export function withoutLabels(volume: LabelVolume, values: readonly number[]): LabelVolume {
  if (values.length === 0) return volume;
  const { data } = volume;
  const out = new Uint8Array(65536);
  for (const value of values) out[value] = 1;
  for (let at = 0; at < data.length; at++) if (out[data[at] as number] === 1) data[at] = 0;
  return volume;
}
