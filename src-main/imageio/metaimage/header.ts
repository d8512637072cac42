import { affineFrom } from '#shared/geometry/affine.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { checkedGrid } from '../checkVolume.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';

export type Values = (...names: string[]) => string | undefined;

/** The fields of a header's text, by any of their names. */
export function valuesOf(text: string): Values {
  const fields = new Map([...text.matchAll(/^\s*(\w+)\s*=\s*(.*?)\s*$/gm)].map((match) => [match[1] as string, match[2] as string]));
  return (...names) => names.map((name) => fields.get(name)).find((found) => found !== undefined);
}

/** How many volumes the begin of a file announces; 1 for what cannot be read. */
export function metaImageVolumes(text: string): number {
  try {
    return placeOf('', valuesOf(text), []).volumes;
  } catch {
    return 1;
  }
}

/** Where a volume lies, and how many volumes follow each other there. */
export function placeOf(path: string, value: Values, warnings: string[]): { grid: Grid; volumes: number } {
  const rank = Number(value('NDims'));
  const numbers = (text: string | undefined): number[] | undefined => text?.split(/\s+/).map(Number);
  const sizes = numbers(value('DimSize')) ?? [];
  if (!(rank >= 1 && rank <= 10) || sizes.length !== rank) throw invalidFile(path, 'contradicts itself about its size.');
  const volumes = sizes[3] ?? 1;
  if (!Number.isInteger(volumes) || volumes < 1) throw invalidFile(path, 'contradicts itself about its size.');
  if (rank > 4 && sizes.slice(4).some((n) => n !== 1))
    throw unsupportedFile(path, `is ${rank}-dimensional (${sizes.join(' × ')}); split it into single 3-D volumes first.`);
  if (rank < 3) throw unsupportedFile(path, 'is a flat picture, not a volume.');
  const spacing = (numbers(value('ElementSpacing', 'ElementSize')) ?? [1, 1, 1]).slice(0, 3);
  const origin = (numbers(value('Offset', 'Position', 'Origin')) ?? [0, 0, 0]).slice(0, 3);
  const matrix = numbers(value('TransformMatrix', 'Rotation', 'Orientation'));
  if (!matrix && !value('Offset', 'Position', 'Origin'))
    warnings.push('The file does not say where it lies in the patient; left and right are unknown.');
  // Each row of the file's matrix is the direction of one voxel axis.
  const axis = (n: number): Triple => {
    const row = matrix ? matrix.slice(n * rank, n * rank + 3) : [0, 1, 2].map((x) => (x === n ? 1 : 0));
    if (row.length !== 3) throw invalidFile(path, 'gives directions that are not three-dimensional.');
    return row as unknown as Triple;
  };
  if (spacing.length !== 3 || origin.length !== 3) throw invalidFile(path, 'contradicts itself about its position.');
  const affine = affineFrom({
    origin: origin as unknown as Triple,
    axes: [axis(0), axis(1), axis(2)],
    spacing: spacing as unknown as Triple,
  });
  return { grid: checkedGrid(path, sizes.slice(0, 3), affine), volumes };
}
