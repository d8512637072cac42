import { existsSync } from 'node:fs';
import type { Grid, LabelVolume } from '#shared/geometry/grid.ts';
import { fileError } from '#main/files/fileError.ts';
import { restore } from './recovery.ts';

/** The mask in `folder` as opening it would show it, or null where none was begun. Nobody may have it open. Throws `corrupt`, `io`. */
export async function readDocumentMask(folder: string, caseId: string, grid: () => Grid): Promise<LabelVolume | null> {
  if (!existsSync(folder)) return null;
  try {
    return (await restore(folder, caseId, grid()))?.snapshot.volume ?? null;
  } catch (error) {
    throw fileError(error, folder);
  }
}
