import { existsSync } from 'node:fs';
import type { Grid, LabelVolume } from '#shared/geometry/grid.ts';
import { fileError } from '#main/files/fileError.ts';
import { restore } from './recovery.ts';

/**
 * The mask in `folder` as opening it would show it, and how many steps are in force; null where none was begun. Nobody may have it open. Throws
 * `corrupt`, `io`.
 */
export async function readDocument(
  folder: string,
  caseId: string,
  grid: () => Grid,
): Promise<{ readonly volume: LabelVolume; readonly steps: number } | null> {
  if (!existsSync(folder)) return null;
  try {
    const restored = await restore(folder, caseId, grid());
    return restored === null ? null : { volume: restored.player.volume, steps: restored.player.history.done };
  } catch (error) {
    throw fileError(error, folder);
  }
}
