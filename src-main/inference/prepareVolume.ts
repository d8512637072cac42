import { must } from '#shared/base/assert.ts';
import type { IntensityRule } from '#shared/domain/modelCard.ts';
import type { Grid, LabelVolume, Triple, Volume } from '#shared/geometry/grid.ts';
import { reorientToCanonical } from '#shared/geometry/orientation.ts';
import { gridWithSpacing, resampleLabels, resampleVolume } from '#shared/geometry/resample.ts';
import { normaliseIntensities } from './intensity.ts';
import { normaliseLocally } from './localContrast.ts';

/**
 * An image as the network sees it: axes closest to RAS, resampled to `spacing` mm along i, j, k, intensities by `rule`. The result's
 * memory is its own. Throws `invalid-file` where intensities are not finite.
 */
export function prepareImage(image: Volume, spacing: Triple, rule: IntensityRule): Volume<Float32Array> {
  const canonical = reorientToCanonical(image);
  const resampled = resampleVolume(canonical, gridWithSpacing(canonical.grid, spacing), 'linear');
  const data = resampled.data === (image.data as unknown) ? resampled.data.slice() : resampled.data;
  normaliseIntensities(data, rule);
  if (rule.kind === 'local') normaliseLocally(data, resampled.grid.size, spacing, rule.millimetres, rule.sliceAxis);
  return { grid: resampled.grid, data };
}

/** The images of a case, which lie on one grid, each by its own rule; null where it lacks one, though not where it lacks all. */
export function prepareImages(
  images: readonly (Volume | null)[],
  spacing: Triple,
  rules: readonly IntensityRule[],
): { readonly grid: Grid; readonly images: readonly (Float32Array | null)[] } {
  const prepared = images.map((image, n) => (image === null ? null : prepareImage(image, spacing, must(rules[n], 'intensity rule'))));
  const { grid } = must(
    prepared.find((image) => image !== null),
    'an image',
  );
  return { grid, images: prepared.map((image) => image?.data ?? null) };
}

/** A mask on the grid that `prepareImage` makes of an image on the same grid. Values stay as they are. */
export function prepareLabels(labels: LabelVolume, spacing: Triple): LabelVolume {
  const { grid, data } = reorientToCanonical<Uint8Array | Uint16Array>(labels);
  const target = gridWithSpacing(grid, spacing);
  return data instanceof Uint8Array ? resampleLabels({ grid, data }, target) : resampleLabels({ grid, data }, target);
}
