import { writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { neverCancelled, throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { knownImage } from '#shared/domain/image.ts';
import { frontLabel, lossSentences } from '#shared/domain/overlap.ts';
import { dayOf } from '#shared/domain/scanDate.ts';
import { voxelCount, type LabelVolume, type Volume } from '#shared/geometry/grid.ts';
import { labelCounts } from '#shared/segmentation/index.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { readMaskFile } from '#main/document/index.ts';
import { fileStates } from '#main/imageio/knownFiles.ts';
import { readImage, readLabels, type ReadImage } from '#main/imageio/readImage.ts';
import { thumbnail } from '#main/imageio/thumbnail.ts';
import {
  everyCase,
  addCase,
  addImage,
  addLabelSources,
  asLabelsStep,
  findImageByHash,
  getCase,
  imageOf,
  imagePaths,
  listImages,
  listMaskRevisions,
  setCaseStatus,
  setNumbering,
  type NewImage,
  type Project,
} from '#main/library/index.ts';
import { detached, watchedStates } from './caseImages.ts';
import { keepImage } from './keepImage.ts';
import { keepLabels, projectLabels } from './keepLabels.ts';
import { keepRevision } from './keepRevision.ts';
import { makeRoom, type IsOpen } from './makeRoom.ts';
import { patientKeyOf } from './patientScans.ts';
import { fitMask } from '#main/imageio/fitMask.ts';
import type { ImportPlan, PlannedCase, PlannedImage, PlannedMask, SkippedFile } from './plan/importPlan.ts';
import type { PlanAnswers } from './plan/answers.ts';
import { admitLabels, withChoices, type LabelChoices, type PlannedLabel } from './plan/mapLabels.ts';
import { inOrder } from './plan/overlapOrder.ts';
import { explained } from './plan/explained.ts';
import type { FoundCase, ImportTarget, KnownCase } from './plan/importTarget.ts';
import { planImport } from './plan/planImport.ts';
import type { VolumeChoice } from './plan/gatherFiles.ts';
import { encodePicture, thumbnailFile } from './thumbnailFile.ts';

export interface ImportResult {
  readonly added: string[];
  masks: number;
  duplicates: number;
  readonly skipped: SkippedFile[];
  readonly warnings: { readonly path: string; readonly message: string }[];
}

export interface ImportOptions {
  readonly mode: 'copy' | 'reference';
  /** What masks that come in are: the truth, or a beginning to be corrected. */
  readonly masksAre?: 'accepted' | 'toCorrect';
  /** What a person said of labels. */
  readonly choices?: LabelChoices;
  /** Labels by name that are taken; none: all. */
  readonly only?: readonly string[];
  /** Labels by name or key that have the voxels where several lie, from the front; those of the fewest voxels where not given. */
  readonly overlapOrder?: readonly string[];
  /** Of files and series that hold several volumes; those that a description names, all together, where not given. */
  readonly volume?: VolumeChoice;
  /** Images of one case that lie on other voxels lie where their headers say. */
  readonly sameCoordinates?: boolean;
  /** DICOM series of one study and frame of reference are one case. */
  readonly studies?: boolean;
  /** Files that are numbered like nnU-Net's channels, outside its folders, are images of one case; as the plan proposes where not given. */
  readonly numbered?: boolean | null;
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  readonly onAdded?: (caseIds: readonly string[]) => void;
  readonly isOpen?: IsOpen;
  /** How questions can be answered; in the plan, unless given. */
  readonly answers?: PlanAnswers;
}

/**
 * Brings files, folders and data sets into a project. What is there already (by content) is not added again, but may gain a mask. One
 * bad file stops nothing: it is in `refused`, with its reason. Throws `conflict`, before anything is done, where nothing says what a label is;
 * `cancelled` (what was added stays), `disk-full`, `io`.
 */
export async function importCases(project: Project, sources: readonly string[], options: ImportOptions): Promise<ImportResult> {
  const { cancellation, report } = options;
  const { only, overlapOrder, volume, sameCoordinates, studies, numbered } = options;
  const plan = await planImport(sources, importTarget(project, cancellation), {
    cancellation,
    ...(options.answers && { answers: options.answers }),
    ...(only && { only }),
    ...(overlapOrder && { overlapOrder }),
    ...(volume !== undefined && { volume }),
    ...(sameCoordinates !== undefined && { sameCoordinates }),
    ...(studies !== undefined && { studies }),
    ...(numbered !== undefined && { numbered }),
    report: (progress) => {
      report({ ...progress, fraction: 0.4 * progress.fraction });
    },
  });
  return carryOut(project, plan, {
    ...options,
    report: (progress) => {
      report({ ...progress, fraction: 0.4 + 0.6 * progress.fraction });
    },
  });
}

/** What a plan has to know of a project. */
export function importTarget(project: Project, cancellation: Cancellation): ImportTarget {
  let stored: readonly FoundCase[] | null = null;
  return {
    labels: projectLabels(project),
    names: new Set(everyCase(project.read).map(({ name }) => name)),
    find: (contentHash) => {
      const found = findImageByHash(project.read, contentHash);
      return found === undefined ? null : knownCase(project, found.caseId);
    },
    findSeries: async ({ series, framesOfReference }) => {
      if (series.length + framesOfReference.length === 0) return [];
      stored ??= await storedSeries(project, cancellation);
      return stored.filter(
        ({ seriesUid, frameOfReferenceUid }) => series.includes(seriesUid) || framesOfReference.includes(frameOfReferenceUid),
      );
    },
  };
}

function knownCase({ read }: Project, caseId: string): KnownCase {
  const images = listImages(read, caseId);
  const { grid } = imageOf(read, caseId);
  return { caseId, name: getCase(read, caseId).name, grid, contents: images.map(({ contentHash }) => contentHash) };
}

/** The series that lead cases: masks lie on them. */
async function storedSeries(project: Project, cancellation: Cancellation): Promise<FoundCase[]> {
  const found: FoundCase[] = [];
  for (const record of listImages(project.read).filter(({ format, position }) => format === 'dicom' && position === 0)) {
    throwIfCancelled(cancellation);
    const paths = imagePaths(project.paths, record);
    const source = (await readImage(paths, { cancellation, ...knownImage(record) }).catch(() => null))?.source ?? null;
    if (source === null) continue;
    const { seriesInstanceUid: seriesUid, frameOfReferenceUid } = source;
    const image = { paths, grid: record.grid, contentHash: record.contentHash };
    found.push({ existing: knownCase(project, record.caseId), seriesUid, frameOfReferenceUid, image });
  }
  return found;
}

/** Does what was planned. A file that has changed since is refused. Throws as `importCases`. */
export async function carryOut(project: Project, plan: ImportPlan, options: ImportOptions): Promise<ImportResult> {
  const labels = explained(plan.skipped, () => withChoices(plan.labels, options.choices ?? new Map()));
  const admitted = admitLabels(labels, projectLabels(project), options.answers?.label);
  const overlapOrder = inOrder(plan.overlapOrder, options.overlapOrder ?? []);
  asLabelsStep(project.write, 'Labels of an import mapped', () => {
    keepLabels(project, labels, admitted);
    addLabelSources(
      project.write,
      labels.flatMap(({ key, name, values }) =>
        values
          .map((sourceValue) => ({ value: admitted.valueOf.get(key) ?? 0, sourceValue, sourceName: name ?? '' }))
          .filter(({ value }) => value > 0),
      ),
    );
  });
  const result: ImportResult = { added: [], masks: 0, duplicates: plan.duplicates.length, skipped: [...plan.skipped], warnings: [] };
  for (const [n, planned] of plan.cases.entries()) {
    throwIfCancelled(options.cancellation);
    options.report({ phase: 'Importing', detail: `${String(n + 1)} of ${String(plan.cases.length)}`, fraction: n / plan.cases.length });
    await importCase(project, planned, { valueOf: admitted.valueOf, labels, overlapOrder }, options, result);
  }
  return result;
}

/** What was settled of labels for the whole import. */
interface SaidOfLabels {
  readonly valueOf: ReadonlyMap<string, number>;
  readonly labels: readonly PlannedLabel[];
  /** Keys, from the front. */
  readonly overlapOrder: readonly string[];
}

async function importCase(
  project: Project,
  planned: PlannedCase,
  said: SaidOfLabels,
  options: ImportOptions,
  result: ImportResult,
): Promise<void> {
  const refuse = (paths: readonly string[], error: unknown, further = ''): void => {
    const { code, message } = toWireError(error);
    if (code === 'cancelled' || code === 'disk-full') throw error;
    result.skipped.push(...paths.map((path) => ({ path, code, message: `${message}${further}` })));
  };
  const maskPaths = planned.mask?.parts.flatMap((part) => part.paths) ?? [];
  let caseId = planned.existing;
  const kept: KeptImage[] = [];
  for (const image of planned.images) {
    try {
      kept.push(await prepareImage(project, image, options, caseId === null && kept.length === 0));
      for (const message of kept.at(-1)?.warnings ?? []) result.warnings.push({ path: image.paths[0] ?? planned.name, message });
    } catch (error) {
      if (caseId !== null || kept.length > 0) refuse(image.paths, error, ' The case is taken without this image.');
      else {
        // Nothing lies on another image than the one that was to lead.
        refuse([...new Set(planned.images.flatMap(({ paths }) => paths)), ...maskPaths], error);
        return;
      }
    }
  }
  try {
    if (kept.length > 0) {
      caseId = await addImages(project, planned, kept);
      if (planned.existing === null) result.added.push(caseId);
      options.onAdded?.([caseId]);
    }
  } catch (error) {
    refuse([...new Set(planned.images.flatMap(({ paths }) => paths)), ...maskPaths], error);
    return;
  }
  if (caseId === null) return;
  if (planned.mask === null) return;
  try {
    const volume = await readMask(planned.mask, planned, said, options.cancellation);
    if (await isThere(project, caseId, volume)) {
      result.duplicates++;
      return;
    }
    await makeRoom(project, caseId, volume, options.isOpen);
    await keepRevision(project, caseId, volume, 'imported');
    setNumbering(project.write, caseId, numberingOf(planned.mask, said.valueOf));
    if (options.masksAre === 'toCorrect') setCaseStatus(project.write, caseId, 'inCorrection');
    const { overlaps, remarks } = planned.mask;
    for (const message of [...remarks, ...lossSentences(overlaps, said.overlapOrder, said.labels)])
      result.warnings.push({ path: maskPaths[0] ?? planned.name, message });
    result.masks++;
    options.onAdded?.([caseId]);
  } catch (error) {
    refuse(maskPaths, error, planned.existing === null ? ' The image was imported without its mask.' : '');
  }
}

/** An image whose files are where they stay, and that is in no case yet. */
interface KeptImage {
  readonly record: Omit<NewImage, 'caseId'>;
  readonly patientKey: string | null;
  readonly scanDate: string | null;
  /** Of the image that is to lead. */
  readonly picture: ReturnType<typeof thumbnail> | null;
  readonly warnings: readonly string[];
}

/** Reads what was planned and keeps its files. Throws `conflict` where they changed since. */
async function prepareImage(
  project: Project,
  planned: PlannedImage,
  { mode: wanted, cancellation }: ImportOptions,
  leads: boolean,
): Promise<KeptImage> {
  const { paths, volume, name, placement, scale } = planned;
  const image = await readImage(paths, { cancellation, identity: true, ...(volume !== null && { volume }) });
  if (image.contentHash !== planned.contentHash) throw changedSince(paths[0] ?? '');
  const made = {
    scanDate: dayOf(image.identity?.studyDate ?? ''),
    patientKey: pseudonym(project, image, volume === null ? null : paths),
    picture: leads ? thumbnail(image.volume) : null,
    warnings: image.warnings,
  };
  const described = {
    name,
    placement,
    scale,
    contentHash: image.contentHash,
    modality: image.series?.modality === 'PT' ? 'PT' : image.modality,
    grid: image.volume.grid,
    frameOfReference: image.source?.frameOfReferenceUid ?? '',
  };
  // One volume of several has no file of its own to refer to.
  const mode = volume === null ? wanted : 'copy';
  const there = findImageByHash(project.read, image.contentHash);
  if (mode === 'copy' && there?.storage === 'copy') {
    // Another case has it, too: one copy does for both.
    const { storedHash, storage, paths: stored, fileStates: states, format } = there;
    return { ...made, record: { ...described, storedHash, storage, paths: stored, fileStates: states, format } };
  }
  const stored = mode === 'copy' ? await keepImage(project, paths, image, volume !== null) : paths.map((path) => resolve(path));
  const files = mode === 'copy' ? stored.map((path) => project.paths.inside(path)) : stored;
  // A header with separate voxels was copied into one file, which has a hash of its own.
  const isRewritten = volume !== null || (mode === 'copy' && paths.length === 1 && detached.test(paths[0] ?? ''));
  const storedHash = isRewritten ? (await readImage(files, { cancellation: neverCancelled })).contentHash : image.contentHash;
  const states = watchedStates({ storage: mode, paths: stored }, await fileStates(files));
  const format = volume === null ? image.format : 'nifti1';
  return { ...made, record: { ...described, storedHash, storage: mode, paths: stored, fileStates: states, format } };
}

/** Makes a case of these images, the first of which leads, or gives them to the case that the plan names: all at once. Answers with the case. */
async function addImages(project: Project, { name, existing }: PlannedCase, images: readonly KeptImage[]): Promise<string> {
  const [leading] = images;
  const caseId = project.write.transaction(() => {
    const id = existing ?? addCase(project.write, { name, patientKey: leading?.patientKey ?? null, scanDate: leading?.scanDate ?? null });
    for (const { record } of images) addImage(project.write, { ...record, caseId: id });
    return id;
  });
  const picture = leading?.picture ?? null;
  if (picture !== null) {
    const { width, height, grey } = picture;
    const file = thumbnailFile(project, caseId);
    makeFolderBelow(project.paths.folder, dirname(file));
    await writeFile(file, encodePicture({ width, height, gray: grey }));
  }
  return caseId;
}

/** The same for all images of one patient within this project, and nothing outside it; `together`: files whose volumes are all of one. */
function pseudonym(project: Project, image: ReadImage, together: readonly string[] | null): string | null {
  const patient = image.identity?.patientId.trim() || (together ?? []).join('\n');
  return patient === '' ? null : patientKeyOf(project, patient);
}

/** All parts of a mask on the image's voxels with the project's values; where labels overlap, the one in front has the voxel. */
async function readMask(
  { parts, hashes }: PlannedMask,
  { grid }: PlannedCase,
  { valueOf, overlapOrder }: SaidOfLabels,
  cancellation: Cancellation,
): Promise<Volume<Uint8Array>> {
  const data = new Uint8Array(voxelCount(grid));
  // Place in the order of the label that has a voxel; it is needed only where another part may take it.
  const places = parts.length > 1 ? new Uint16Array(data.length) : null;
  const placeOf = new Map(overlapOrder.map((key, n) => [key, n]));
  for (const [n, { paths, keys }] of parts.entries()) {
    const labels = await readLabels(paths, { cancellation, grid, overlaps: true });
    if (labels.contentHash !== hashes[n]) throw changedSince(paths[0] ?? '');
    const { volume } = fitMask(labels.volume, labels.format, grid);
    const values = new Uint8Array(65536);
    const placed = new Uint16Array(65536);
    const set = (code: number, held: readonly number[]): void => {
      const taken = held.flatMap((value) => keys.get(value) ?? []).filter((key) => (valueOf.get(key) ?? 0) !== 0);
      const key = frontLabel(taken, overlapOrder);
      if (key === undefined) return;
      values[code] = valueOf.get(key) ?? 0;
      placed[code] = placeOf.get(key) ?? overlapOrder.length;
    };
    for (const value of keys.keys()) set(value, [value]);
    for (const { code, values: held } of labels.combinations) set(code, held);
    for (let at = 0; at < data.length; at++) {
      const code = volume.data[at] as number;
      if (values[code] === 0 || (data[at] !== 0 && !(places !== null && (placed[code] as number) < (places[at] as number)))) continue;
      data[at] = values[code] as number;
      if (places !== null) places[at] = placed[code] as number;
    }
  }
  return { grid, data };
}

/** The values that the project's labels had in the mask's files. */
function numberingOf({ parts }: PlannedMask, valueOf: ReadonlyMap<string, number>): { value: number; sourceValue: number }[] {
  return parts.flatMap(({ keys }) =>
    [...keys].map(([sourceValue, key]) => ({ value: valueOf.get(key) ?? 0, sourceValue })).filter(({ value }) => value > 0),
  );
}

/** Whether the case has, or had, this very mask. */
async function isThere(project: Project, caseId: string, volume: LabelVolume): Promise<boolean> {
  const voxels = JSON.stringify(labelCounts(volume));
  for (const revision of listMaskRevisions(project.read, caseId)) {
    if (JSON.stringify(revision.voxels) !== voxels) continue;
    const { data } = await readMaskFile(project.paths.inside(revision.path));
    if (data.every((value, n) => value === volume.data[n])) return true;
  }
  return false;
}

function changedSince(path: string): StudioError {
  return new StudioError('conflict', `${basename(path)} has changed since the import was planned. Import it again.`);
}
