import { join } from 'node:path';
import { helpsPointing } from '#shared/domain/pointing.ts';
import { readJson } from '#main/files/jsonStore.ts';
import { lessonsFile, storedLessons } from '#main/jobs/requests/improvePrompts.ts';
import type { Project } from '#main/library/index.ts';
import { readPointing, versionFolder } from './versions.ts';

export interface ProjectLesson {
  readonly label: string;
  /** Mean Dice after a first click on held-out cases. */
  readonly first: number;
  /** Little-endian float32. */
  readonly values: Uint8Array<ArrayBuffer>;
}

/** What accepted cases taught when pointing was improved last, of structures where it was measured to help. */
export function lessonsOf(project: Pick<Project, 'paths'>): ProjectLesson[] {
  const newest = readPointing(project).versions.findLast(({ lessons }) => lessons.length > 0);
  if (newest === undefined) return [];
  const kept = readJson(join(versionFolder(project, newest.id), lessonsFile), storedLessons);
  return (kept?.lessons ?? []).flatMap(({ label, measured, values }) =>
    measured === null || !helpsPointing(measured)
      ? []
      : [{ label, first: measured.first, values: new Uint8Array(Float32Array.from(values).buffer) }],
  );
}
