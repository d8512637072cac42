/** Projects without a window: what the command line's `project …` does. */
import { StudioError } from '#shared/base/errors.ts';
import type { CaseCounts } from '#shared/domain/case.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import type { Acceptance } from '#shared/domain/mask.ts';
import {
  countByStatus,
  everyCase,
  getLabelSet,
  insideOf,
  latestMaskRevision,
  listCases,
  imagesByCase,
  listModels,
  listRemovedLabels,
  openProjectReadOnly,
  promotedModel,
  restoreLabel,
  setLabelSet,
  type Project,
} from '#main/library/index.ts';
import { filesOfCase, type FilesOfCase } from './caseFiles.ts';
import { readAcceptanceSheet, writeAcceptanceSheet, type SheetRequest, type ShownCases } from './acceptanceSheet.ts';
import { acceptCases, type AcceptOutcome, type AcceptOptions } from './acceptCases.ts';
import { keepPseudonyms } from '#main/exchange/pseudonymFile.ts';
import { byOptions } from './byOptions.ts';
import { exportWarning, importWarning } from './care/diskNeeds.ts';
import { exportCases, type ExportOutcome, type ExportRequest } from '#main/exchange/exportCases.ts';
import { importCases, importTarget, type ImportOptions, type ImportResult } from '#main/exchange/importCases.ts';
import { describePlan, type DescribedPlan } from '#main/exchange/plan/describePlan.ts';
import { gatherFiles } from '#main/exchange/plan/gatherFiles.ts';
import { planImport } from '#main/exchange/plan/planImport.ts';
import { distinctNames } from '#main/files/outputs.ts';
import { caseName } from '#main/imageio/dataset.ts';
import { relinkImages, type RelinkResult } from '#main/exchange/relinkImages.ts';
import { headlessWorkbench, readingWith, withProject, withProjectToRead, type HeadlessOptions } from './headless.ts';
import { pretrainedFolder } from './improvement.ts';
import { labelLists, removeUnusedLabel } from './labelChanges.ts';
import { colorFor } from '#main/exchange/labelColors.ts';

export type { DescribedPlan };

/** Makes a project; labels get values 1, 2, … in order. Throws `conflict`, `disk-full`, `io`. */
export async function createProjectFolder(folder: string, name: string, labelNames: readonly string[]): Promise<readonly Label[]> {
  if (labelNames.length > 255) throw new StudioError('usage', 'A project has at most 255 labels.');
  const labels = labelNames.map((label, index): Label => ({ value: index + 1, name: label, color: colorFor(index + 1), locked: false }));
  const workbench = headlessWorkbench();
  await workbench.create(folder, name, { labels });
  await workbench.close();
  return labels;
}

export interface LabelChangeOptions {
  /** A value that is there gets the new name. */
  readonly added: readonly { readonly value: number; readonly name: string }[];
  /** Values, or names. */
  readonly removed: readonly string[];
  readonly restored: readonly string[];
  /** A label and the one that it lies inside of (null: none), by values or names. */
  readonly inside: readonly (readonly [label: string, outer: string | null])[];
}

/** Brings labels back, adds and removes some. Resolves with all labels. Throws `not-found`, and `conflict` where the project is open elsewhere or masks hold a label that is to go. */
export function changeLabels(
  folder: string,
  { added, removed, restored, inside }: LabelChangeOptions,
  options: HeadlessOptions,
): Promise<ReturnType<typeof labelLists>> {
  const isAsked = added.length + removed.length + restored.length > 0;
  return (isAsked ? withProject : readingWith(options))(folder, async (session) => {
    const { project } = session;
    for (const name of restored) restoreLabel(project.write, labelNamed(listRemovedLabels(project.read), name).value);
    const labels = new Map(getLabelSet(project.read).labels.map((label) => [label.value, label]));
    for (const { value, name } of added) labels.set(value, { color: colorFor(value), locked: false, ...labels.get(value), value, name });
    if (added.length > 0) setLabelSet(project.write, { labels: [...labels.values()].sort((a, b) => a.value - b.value) });
    if (inside.length > 0) {
      const { labels: all } = getLabelSet(project.read);
      const outerOf = new Map(
        inside.map(([label, outer]) => [labelNamed(all, label).value, outer === null ? undefined : labelNamed(all, outer).value]),
      );
      setLabelSet(project.write, {
        labels: all.map((label) => (outerOf.has(label.value) ? insideOf(label, outerOf.get(label.value)) : label)),
      });
    }
    for (const name of removed) await removeUnusedLabel(session, labelNamed(getLabelSet(project.read).labels, name).value, options);
    return labelLists(project);
  });
}

/** The label of a value or name. Throws `not-found`. */
export function labelNamed(labels: readonly Label[], wanted: string): Label {
  const found = labels.find(({ value }) => String(value) === wanted) ?? labels.find(({ name }) => name === wanted);
  if (found === undefined)
    throw new StudioError(
      'not-found',
      `There is no label “${wanted}” here${labels.length === 0 ? '' : `, only ${labels.map(({ value, name }) => `${String(value)} ${name}`).join(', ')}`}.`,
    );
  return found;
}

export function importIntoProject(
  folder: string,
  sources: readonly string[],
  importOptions: Pick<
    ImportOptions,
    'mode' | 'masksAre' | 'choices' | 'only' | 'overlapOrder' | 'volume' | 'sameCoordinates' | 'studies' | 'numbered'
  >,
  options: HeadlessOptions,
): Promise<ImportResult> {
  return withProject(folder, async ({ project, problems }) => {
    const result = await importCases(project, sources, { ...importOptions, answers: byOptions, ...options });
    await problems.add(result.skipped.map(({ path, message }) => ({ severity: 'error' as const, subject: path, message, caseId: null })));
    return result;
  });
}

/** What an import would do; changes nothing. */
export function planProjectImport(
  folder: string,
  sources: readonly string[],
  {
    mode,
    ...said
  }: Pick<ImportOptions, 'choices' | 'mode' | 'only' | 'overlapOrder' | 'volume' | 'sameCoordinates' | 'studies' | 'numbered'>,
  options: HeadlessOptions,
): Promise<DescribedPlan & { readonly space: string | null }> {
  return withProjectToRead(folder, options.note, async ({ project }) => {
    const plan = await planImport(sources, importTarget(project, options.cancellation), { ...options, ...said, answers: byOptions });
    return { ...describePlan(plan), space: await importWarning(project, plan, mode) };
  });
}

/** `from` as it was when the images were imported; it need not be there any more. Throws as `relinkImages`. */
export function relinkProject(folder: string, from: string, to: string, options: HeadlessOptions): Promise<RelinkResult> {
  return withProject(folder, ({ project }) => relinkImages(project, from, to, options));
}

/** With a `sheet`, what it shows and nothing else: a mask that has changed since is not accepted. */
export async function acceptInProject(
  folder: string,
  { sheet, ...request }: AcceptOptions & { readonly sheet?: string },
  options: HeadlessOptions,
): Promise<AcceptOutcome> {
  const seen = sheet === undefined ? null : await readAcceptanceSheet(sheet);
  return withProject(folder, (session) => {
    if (seen === null) return acceptCases(session, request, options);
    if (seen.project !== session.project.info.id) throw new StudioError('conflict', 'This sheet shows the cases of another project.');
    const shown = new Map(seen.cases.flatMap(({ caseId, fingerprint }) => (fingerprint === '' ? [] : [[caseId, fingerprint] as const])));
    const caseIds = request.caseIds ?? [...shown.keys()];
    const hidden = caseIds.find((id) => !shown.has(id));
    if (hidden !== undefined) throw new StudioError('conflict', `The sheet does not show the case ${hidden}.`);
    return acceptCases(session, { ...request, caseIds, shown, prediction: request.prediction || seen.prediction }, options);
  });
}

/** As `writeAcceptanceSheet`; also of a project that is open elsewhere. */
export function writeProjectSheet(folder: string, request: SheetRequest, options: HeadlessOptions): Promise<ShownCases> {
  return withProjectToRead(folder, options.note, (session) => writeAcceptanceSheet(session, request, options));
}

/** Accepted cases (for predictions: all that have one) unless `caseIds` names others. */
export function exportProject(
  folder: string,
  request: Omit<ExportRequest, 'caseIds'> & { readonly caseIds?: readonly string[] },
  options: HeadlessOptions,
): Promise<ExportOutcome & { readonly pseudonyms: string | null; readonly space: string | null }> {
  return withProjectToRead(folder, options.note, async (session) => {
    const wanted = everyCase(session.project.read).filter(({ status, hasPrediction }) =>
      request.source === 'prediction' ? hasPrediction : status === 'accepted',
    );
    const all = { ...request, caseIds: request.caseIds ?? wanted.map(({ id }) => id) };
    const space = await exportWarning(session.project, all);
    const outcome = await exportCases(session, all, options);
    return { ...outcome, space, pseudonyms: await keepPseudonyms(session.dataFolder, session.project, all, outcome) };
  });
}

export interface ProjectScans {
  readonly scans: readonly ({ readonly id: string; readonly name: string; readonly contentHash?: string } & FilesOfCase)[];
  /** What is pre-trained on scans without labels lies here. */
  readonly pretrainedFolder: string;
  /** Of the model in use; null where there is none. */
  readonly modelFolder: string | null;
}

/** Holds a project while something is learned from its scans: all but the excluded and the held-out ones. Throws `conflict` where it is open elsewhere. */
export function withProjectScans<T>(folder: string, work: (scans: ProjectScans) => Promise<T>): Promise<T> {
  return withProject(folder, ({ project }) => {
    const images = imagesByCase(project.read);
    const scans = everyCase(project.read)
      .filter(({ status, heldOut }) => status !== 'excluded' && !heldOut)
      .flatMap(({ id, name }) => {
        const own = images.get(id);
        const files = filesOfCase(project, own);
        return files === undefined ? [] : [{ id, name, ...files, ...(own?.[0] && { contentHash: own[0].contentHash }) }];
      });
    const model = promotedModel(project.read);
    return work({
      scans,
      pretrainedFolder: pretrainedFolder(project),
      modelFolder: model === undefined ? null : project.paths.model(model.id),
    });
  });
}

/** The images below folders, and files themselves, as scans, those of one case together; what is no image is refused with its reason. */
export async function findScans(
  sources: readonly string[],
  options: HeadlessOptions,
): Promise<{ scans: ProjectScans['scans']; skipped: readonly { readonly path: string; readonly message: string }[] }> {
  const { groups, skipped } = await gatherFiles(sources, { ...options, volume: null, answers: byOptions });
  const images = groups.map(({ images: [image = []] }) => image);
  const names = distinctNames(
    images.map(([first = '']) => first),
    caseName,
  );
  return {
    skipped,
    scans: groups.map(({ name, images: all, imageNames: called }, n) => ({
      id: name ?? names[n] ?? '',
      name: name ?? names[n] ?? '',
      image: images[n] ?? [],
      ...(all.length > 1 && { channels: all.map((image, channel) => ({ name: called[channel] ?? '', image })) }),
    })),
  };
}

export interface ProjectListing {
  readonly name: string;
  readonly labels: readonly Label[];
  readonly counts: CaseCounts;
  readonly cases: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    readonly modality: string;
    /** What its images are called, the leading one first; empty where nothing names one. */
    readonly images: readonly string[];
    readonly size: readonly number[];
    readonly heldOut: boolean;
    readonly hasMask: boolean;
    /** How its newest mask became the truth, by whom and when; null where it has none. */
    readonly acceptance: { readonly how: Acceptance; readonly by: string; readonly at: string } | null;
  }[];
  readonly models: readonly { readonly id: string; readonly name: string; readonly promoted: boolean; readonly dice: number | null }[];
}

/** Works also while the project is open elsewhere. */
export function listProject(folder: string): ProjectListing {
  const project = openProjectReadOnly(folder);
  try {
    const cases: ProjectListing['cases'][number][] = [];
    const images = imagesByCase(project.read);
    for (
      let page = listCases(project.read, { limit: 1000 });
      page.cases.length > 0;
      page = listCases(project.read, { limit: 1000, offset: cases.length })
    ) {
      cases.push(
        ...page.cases.map(({ id, name, status, modality, size, heldOut, hasMask }) => ({
          id,
          name,
          status,
          modality,
          images: (images.get(id) ?? []).map((image) => image.name),
          size,
          heldOut,
          hasMask,
          acceptance: acceptanceOf(project, id),
        })),
      );
    }
    return {
      name: project.info.name,
      labels: getLabelSet(project.read).labels,
      counts: countByStatus(project.read),
      cases,
      models: listModels(project.read).map(({ id, name, promoted, dice }) => ({ id, name, promoted, dice })),
    };
  } finally {
    project.close();
  }
}

function acceptanceOf(project: Pick<Project, 'read'>, caseId: string): ProjectListing['cases'][number]['acceptance'] {
  const revision = latestMaskRevision(project.read, caseId);
  return revision === undefined ? null : { how: revision.acceptance, by: revision.createdBy, at: revision.createdAt };
}
