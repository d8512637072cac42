/** The networks that are asked with prompts, as they became in a project: versions, the one in use, and what was in use before. */
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { PointingVersion } from '#shared/domain/pointing.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readJson } from '#main/files/jsonStore.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { lessonComparison } from '#main/jobs/requests/improvePrompts.ts';
import { recordEvent, type Project } from '#main/library/index.ts';

const interval = v.object({ mean: v.number(), low: v.number(), high: v.number() });
export const pointingComparison = v.object({
  cases: v.number(),
  structures: v.number(),
  before: v.number(),
  after: v.number(),
  difference: v.nullable(interval),
  labels: v.array(v.object({ label: v.string(), structures: v.number(), before: v.number(), after: v.number() })),
});

const schema = v.object({
  /** Null: the computer's own. */
  inUse: v.nullable(v.string()),
  /** What was in use before, the newest last. */
  before: v.array(v.nullable(v.string())),
  versions: v.array(
    v.object({
      id: v.string(),
      createdAt: v.string(),
      jobId: v.string(),
      trainingCases: v.number(),
      structures: v.number(),
      steps: v.number(),
      weightsHash: v.string(),
      measured: v.nullable(pointingComparison),
      lessons: v.optional(v.array(lessonComparison), []),
    }),
  ),
});
type Pointing = v.InferOutput<typeof schema>;

export const pointingFolder = ({ paths }: Pick<Project, 'paths'>): string => join(paths.folder, 'prompts');
export const versionFolder = (project: Pick<Project, 'paths'>, id: string): string => join(pointingFolder(project), id);
const fileOf = (project: Pick<Project, 'paths'>): string => join(pointingFolder(project), 'versions.json');

export function readPointing(project: Pick<Project, 'paths'>): Pointing {
  return readJson(fileOf(project), schema) ?? { inUse: null, before: [], versions: [] };
}

async function write(project: Project, pointing: Pointing): Promise<void> {
  makeFolderBelow(project.paths.folder, pointingFolder(project));
  await writeFileAtomically(fileOf(project), JSON.stringify(pointing, null, 2));
}

/** Lists a version whose files are there, once. */
export async function addVersion(project: Project, version: PointingVersion): Promise<void> {
  const pointing = readPointing(project);
  if (pointing.versions.some(({ id }) => id === version.id)) return;
  await write(project, { ...pointing, versions: [...pointing.versions, version as Pointing['versions'][number]] });
}

/** Puts a version in use. Throws `not-found`. */
export async function useVersion(project: Project, id: string): Promise<void> {
  const pointing = readPointing(project);
  if (!pointing.versions.some((each) => each.id === id)) throw new StudioError('not-found', 'This network is not in the project any more.');
  if (pointing.inUse === id) return;
  await write(project, { ...pointing, inUse: id, before: [...pointing.before, pointing.inUse] });
  recordEvent(project.write, { kind: 'promotion', message: 'Another network answers to Point in this project.', detail: { version: id } });
}

/** Back to what was in use before. Throws `conflict` where nothing was. */
export async function takeBackVersion(project: Project): Promise<void> {
  const pointing = readPointing(project);
  const [last] = pointing.before.slice(-1);
  if (last === undefined) throw new StudioError('conflict', 'There is nothing to go back to: pointing was not improved in this project.');
  await write(project, { ...pointing, inUse: last, before: pointing.before.slice(0, -1) });
  recordEvent(project.write, { kind: 'rollback', message: 'Point went back to what answered before.', detail: { version: last } });
}
