import { existsSync } from 'node:fs';
import type { Grid, LabelVolume } from '#shared/geometry/grid.ts';
import type { History } from '#shared/segmentation/index.ts';
import { fileError } from '#main/files/fileError.ts';
import { restore } from './recovery.ts';

interface SavedDocument {
  readonly volume: LabelVolume;
  readonly steps: number;
  readonly history: History;
}

/**
 * The mask in `folder` as opening it would show it, and how many steps of its history are in force; null where none was begun. Nobody may have it open, unless it
 * is read `beside` whoever writes it: then nothing in the folder is changed. Throws `corrupt`, `io`.
 */
export async function readDocument(
  folder: string,
  caseId: string,
  grid: () => Grid,
  { beside = false }: { readonly beside?: boolean } = {},
): Promise<SavedDocument | null> {
  for (let attempt = 1; ; attempt++) {
    if (!existsSync(folder)) return null;
    try {
      const restored = await restore(folder, caseId, grid(), { onlyReads: beside });
      if (restored === null) return null;
      const { volume, history } = restored.player;
      return { volume, steps: history.done, history };
    } catch (error) {
      // A newer snapshot has taken the place of the files that were about to be read.
      if (!beside || attempt === attemptsBeside) throw fileError(error, folder);
    }
  }
}

const attemptsBeside = 5;
