export type { Repair } from './backup.ts';
export { copyForCarrying, type CarriedImage } from './carried.ts';
export { ReadHandle, WriteHandle } from './handle.ts';
export { latestVersion as latestSchema } from './migrations/index.ts';
export { newId } from './newId.ts';
export { ProjectPaths, relativeInside, resolveInside } from './paths.ts';
export type { Hold } from './lock.ts';
export {
  createProject,
  openProject,
  openProjectReadOnly,
  projectHold,
  type CreateOptions,
  type Project,
  type ProjectInfo,
} from './project.ts';
export * from './queries/cases.ts';
export * from './queries/events.ts';
export * from './queries/images.ts';
export * from './queries/jobs.ts';
export * from './queries/labelChanges.ts';
export * from './queries/labelSources.ts';
export * from './queries/labelSteps.ts';
export * from './queries/labels.ts';
export * from './queries/masks.ts';
export * from './queries/models.ts';
export * from './queries/predictions.ts';
export * from './queries/removals.ts';
export * from './queries/scans.ts';
export * from './queries/steps.ts';
export * from './queries/readings.ts';
