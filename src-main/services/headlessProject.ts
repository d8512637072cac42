/** Projects without a window: what the command line's `project …` does. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { CaseCounts } from '#shared/domain/case.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { readMaskFile } from '#main/document/index.ts';
import { countByStatus, getLabelSet, listCases, listImages, listMaskRevisions, listModels, listRemovedLabels, openProjectReadOnly, promotedModel, restoreLabel, setLabelSet } from '#main/library/index.ts';
import { appFolders } from './appFolders.ts';
import { exportCases, type ExportOutcome, type ExportRequest } from './exportCases.ts';
import { importCases, type ImportResult } from './importCases.ts';
import { imagePaths } from './imageCache.ts';
import { planImport } from './importPlan.ts';
import { everyCase, learnedFolder } from './improvement.ts';
import { labelLists, removeUnusedLabel } from './labelChanges.ts';
import { colorFor } from './labelAdmission.ts';
import { silentLog } from './log.ts';
import { SettingsKeeper } from './settingsService.ts';
import { Workbench, type ProjectSession } from './workbench.ts';

export interface HeadlessOptions {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

/** Makes a project; labels get values 1, 2, … in order. Throws `conflict`, `disk-full`, `io`. */
export async function createProjectFolder(folder: string, name: string, labelNames: readonly string[]): Promise<readonly Label[]> {
  const labels = labelNames.map((label, index): Label => ({ value: index + 1, name: label, color: colorFor(index + 1), locked: false }));
  const workbench = headlessWorkbench();
  await workbench.create(folder, name, { labels });
  await workbench.close();
  return labels;
}

export interface LabelWishes {
  /** A value that is there gets the new name. */
  readonly added: readonly { readonly value: number; readonly name: string }[];
  /** Values, or names. */
  readonly removed: readonly string[];
  readonly restored: readonly string[];
}

/** Brings labels back, adds and removes some. Resolves with all labels. Throws `not-found`, and `conflict` where the project is open elsewhere or masks hold a label that is to go. */
export function changeLabels(folder: string, { added, removed, restored }: LabelWishes, options: HeadlessOptions): Promise<ReturnType<typeof labelLists>> {
  return withProject(folder, async (session) => {
    const { project } = session;
    for (const wish of restored) restoreLabel(project.write, labelNamed(listRemovedLabels(project.read), wish).value);
    const labels = new Map(getLabelSet(project.read).labels.map((label) => [label.value, label]));
    for (const { value, name } of added) labels.set(value, { color: colorFor(value), locked: false, ...labels.get(value), value, name });
    if (added.length > 0) setLabelSet(project.write, { labels: [...labels.values()].sort((a, b) => a.value - b.value) });
    for (const wish of removed) await removeUnusedLabel(session, labelNamed(getLabelSet(project.read).labels, wish).value, options);
    return labelLists(project);
  });
}

/** The label of a value or name. Throws `not-found`. */
function labelNamed(labels: readonly Label[], wish: string): Label {
  const found = labels.find(({ value }) => String(value) === wish) ?? labels.find(({ name }) => name === wish);
  if (found === undefined) throw new StudioError('not-found', `There is no label “${wish}” here${labels.length === 0 ? '' : `, only ${labels.map(({ value, name }) => `${String(value)} ${name}`).join(', ')}`}.`);
  return found;
}

export function importIntoProject(folder: string, sources: readonly string[], mode: 'copy' | 'reference', options: HeadlessOptions): Promise<ImportResult> {
  return withProject(folder, async ({ project, problems }) => {
    const result = await importCases(project, sources, { mode, ...options });
    await problems.add(result.refused.map(({ path, message }) => ({ severity: 'error' as const, subject: path, message, caseId: null })));
    return result;
  });
}

/** Accepted cases (for predictions: all that have one) unless `caseIds` names others. */
export function exportProject(folder: string, request: Omit<ExportRequest, 'caseIds'> & { readonly caseIds?: readonly string[] }, options: HeadlessOptions): Promise<ExportOutcome> {
  return withProject(folder, (session) => {
    const wanted = everyCase(session.project).filter(({ status, hasPrediction }) => (request.source === 'prediction' ? hasPrediction : status === 'accepted'));
    return exportCases(session, { ...request, caseIds: request.caseIds ?? wanted.map(({ id }) => id) }, options);
  });
}

export interface ProjectScans {
  readonly scans: readonly { readonly id: string; readonly name: string; readonly image: readonly string[]; readonly contentHash?: string }[];
  /** What is learned from scans without labels lies here. */
  readonly learnedFolder: string;
  /** Of the model in use; null where there is none. */
  readonly modelFolder: string | null;
}

/** Holds a project while something is learned from its scans: all but the excluded and the held-out ones. Throws `conflict` where it is open elsewhere. */
export function withProjectScans<T>(folder: string, work: (scans: ProjectScans) => Promise<T>): Promise<T> {
  return withProject(folder, ({ project }) => {
    const images = new Map(listImages(project.read).map((image) => [image.caseId, image]));
    const scans = everyCase(project).filter(({ status, heldOut }) => status !== 'excluded' && !heldOut).flatMap(({ id, name }) => {
      const image = images.get(id);
      return image === undefined ? [] : [{ id, name, image: [...imagePaths(project, image)], contentHash: image.contentHash }];
    });
    const model = promotedModel(project.read);
    return work({ scans, learnedFolder: learnedFolder(project), modelFolder: model === undefined ? null : project.paths.model(model.id) });
  });
}

/** The images below folders, and files themselves, as scans; what is no image is refused with its reason. */
export async function findScans(sources: readonly string[], options: HeadlessOptions): Promise<{ scans: ProjectScans['scans']; refused: readonly { readonly path: string; readonly message: string }[] }> {
  const { items, refused } = await planImport(sources, options);
  const names = new Map<string, number>();
  return {
    refused,
    scans: items.map(({ name, image }) => {
      const before = names.get(name) ?? 0;
      names.set(name, before + 1);
      return { id: before === 0 ? name : `${name} (${String(before + 1)})`, name, image };
    }),
  };
}

export interface ProjectListing {
  readonly name: string;
  readonly labels: readonly Label[];
  readonly counts: CaseCounts;
  readonly cases: readonly { readonly id: string; readonly name: string; readonly status: string; readonly modality: string; readonly size: readonly number[]; readonly heldOut: boolean; readonly hasMask: boolean }[];
  readonly models: readonly { readonly id: string; readonly name: string; readonly promoted: boolean; readonly dice: number | null }[];
}

/** Works also while the project is open elsewhere. */
export function listProject(folder: string): ProjectListing {
  const project = openProjectReadOnly(folder);
  try {
    const cases: ProjectListing['cases'][number][] = [];
    for (let page = listCases(project.read, { limit: 1000 }); page.cases.length > 0; page = listCases(project.read, { limit: 1000, offset: cases.length })) {
      cases.push(...page.cases.map(({ id, name, status, modality, size, heldOut, hasMask }) => ({ id, name, status, modality, size, heldOut, hasMask })));
    }
    return {
      name: project.info.name, labels: getLabelSet(project.read).labels, counts: countByStatus(project.read), cases,
      models: listModels(project.read).map(({ id, name, promoted, dice }) => ({ id, name, promoted, dice })),
    };
  } finally {
    project.close();
  }
}

export interface ProjectFault {
  readonly subject: string;
  readonly message: string;
}

/** Looks at everything that the library names: image files are there, masks and weights are bit for bit what was stored, masks lie on their images. */
export async function verifyProject(folder: string, { cancellation, report }: HeadlessOptions): Promise<{ checked: number; faults: ProjectFault[] }> {
  const project = openProjectReadOnly(folder);
  const faults: ProjectFault[] = [];
  let checked = 0;
  const check = async (subject: string, work: () => Promise<string | null> | string | null): Promise<void> => {
    throwIfCancelled(cancellation);
    checked++;
    const fault = await Promise.resolve().then(work).catch((error: unknown) => toWireError(error).message);
    if (fault !== null) faults.push({ subject, message: fault });
  };
  try {
    const images = listImages(project.read);
    for (const [index, image] of images.entries()) {
      report({ phase: 'Checking cases', fraction: index / images.length });
      await check(`image of ${image.caseId}`, () => {
        const missing = image.paths.map((path) => (image.storage === 'copy' ? project.paths.inside(path) : path)).filter((path) => !existsSync(path));
        return missing.length === 0 ? null : `${String(missing.length)} of its files are not there any more.`;
      });
      for (const revision of listMaskRevisions(project.read, image.caseId)) {
        await check(`mask revision ${String(revision.revision)} of ${image.caseId}`, async () => {
          const path = project.paths.inside(revision.path);
          if (createHash('sha256').update(await readFile(path)).digest('hex') !== revision.contentHash) return 'The file is not the one that was stored.';
          return sameGrid((await readMaskFile(path)).grid, image.grid) ? null : 'The mask does not lie on its image.';
        });
      }
    }
    for (const model of listModels(project.read)) {
      await check(`model ${model.name}`, async () => {
        const weights = await readFile(join(project.paths.model(model.id), 'weights.safetensors'));
        return createHash('sha256').update(weights).digest('hex') === model.weightsHash ? null : 'The weights are not the ones that were stored.';
      });
    }
    return { checked, faults };
  } finally {
    project.close();
  }
}

function headlessWorkbench(): Workbench {
  return new Workbench({ publish: () => undefined, log: silentLog, settings: new SettingsKeeper(appFolders().data), devices: { chosen: 'cpu' }, runsJobs: false });
}

async function withProject<T>(folder: string, work: (session: ProjectSession) => Promise<T>): Promise<T> {
  const workbench = headlessWorkbench();
  const session = await workbench.open(folder);
  try {
    return await work(session);
  } finally {
    await workbench.close();
  }
}
