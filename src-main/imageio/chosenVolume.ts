import type { Grid } from '#shared/geometry/grid.ts';
import { unsupportedFile } from './failure.ts';

/** Which volume of a file is read, from 1. Throws `unsupported` where it holds several and none was chosen, or none of this number. */
export function chosenVolume(path: string, grid: Grid, volumes: number, chosen: number | null): number {
  if (volumes > 1 && chosen === null)
    throw unsupportedFile(
      path,
      `is 4-dimensional (${[...grid.size, volumes].join(' × ')}): it holds ${String(volumes)} volumes, of which one has to be chosen.`,
    );
  const taken = chosen ?? 1;
  if (taken > volumes) throw unsupportedFile(path, `holds no volume ${String(taken)}, only ${String(volumes)}.`);
  return taken;
}
