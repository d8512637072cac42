import { join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import { plainFileName } from '#shared/base/fileName.ts';
import { ignoreProgress, type ReportProgress } from '#shared/base/progress.ts';
import { anonymousName } from '#main/export/anonymousName.ts';
import { nnunetPaths } from '#main/export/exportNnunet.ts';
import { exportVolumesCsv, type CaseVolumes } from '#main/export/exportVolumesCsv.ts';
import { sameChannelName } from '#shared/domain/caseImages.ts';
import { knownImage, type ImageRecord, type KnownImage } from '#shared/domain/image.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { claimOutputs, toldApart } from '#main/files/outputs.ts';
import type { Modality } from '#main/imageio/readImage.ts';
import {
  getCase,
  getLabelSet,
  imageOf,
  imagePaths,
  latestMaskRevision,
  latestPrediction,
  listImages,
  listRemovedLabels,
  recordEvent,
  type Project,
} from '#main/library/index.ts';
import { checkCaseImages } from './caseImages.ts';
import { checkedFile, isStillThere } from './checkedFile.ts';
import { caseFormat, hasRegionsIn, type CaseFormat } from './exportFormats.ts';
import type { CheckedFile, ExportedImage, LabelsSource } from './exportTasks.ts';
import { exportMeasurements, readMeasurements, type MeasuredCase } from './measurementsFile.ts';
import { ExportThread } from './exportThread.ts';
import { keepsValues, sourceValues } from './sourceValues.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';

/** What is exported from: a project, and of the masks in correction a copy of one moment; null where a case is not open. */
export interface ExportSource {
  readonly project: Project;
  readonly documents: { frozen(caseId: string): Promise<LabelVolume | null> };
}

export interface ExportRequest {
  readonly format: string;
  /** Absolute folder; made where it is not there. */
  readonly destination: string;
  readonly caseIds: readonly string[];
  readonly source: 'mask' | 'prediction';
  /** File names and headers say nothing of who it is. */
  readonly deidentify: boolean;
  readonly overwrite: boolean;
  /** The values of labels in the files: the project's, or those of the files that the masks came from. */
  readonly values: 'project' | 'source';
  /** Each label with all that lies inside it, where the format's labels may overlap. */
  readonly regions?: boolean | undefined;
}

export interface ExportedFile {
  readonly caseId: string | null;
  readonly path: string;
  readonly bytes: number;
  /** What was read back and compared is still what lies there. */
  readonly verified: boolean;
  readonly differingVoxels: number | null;
  readonly message: string;
}

export interface ExportOutcome {
  readonly files: ExportedFile[];
  readonly failures: { readonly caseId: string; readonly error: WireError }[];
}

interface Running {
  readonly session: ExportSource;
  readonly thread: ExportThread;
  readonly request: ExportRequest;
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  /** Of each case's files, in the order of the request; no two are equal. */
  readonly names: readonly string[];
  readonly done: { readonly caseId: string | null; readonly file: CheckedFile }[];
  readonly failures: ExportOutcome['failures'];
}

/**
 * Writes, reads back, compares, in a thread of its own. A case that fails does not stop the others. Throws `cancelled`, `disk-full`, and before
 * anything is written `conflict`, where a file would take the place of an image of the project or, unless `overwrite`, of any other.
 */
export async function exportCases(
  session: ExportSource,
  request: ExportRequest,
  options: { cancellation: Cancellation; report: ReportProgress },
): Promise<ExportOutcome> {
  requireAbsolute(request.destination);
  if (session.project.paths.holds(request.destination)) session.project.requireWritable();
  if (request.caseIds.length === 0)
    throw new StudioError(
      'conflict',
      request.source === 'mask'
        ? 'There is no accepted case to export yet. Accept a case first.'
        : 'There is no case with a prediction to export yet. Predict some first.',
    );
  if (request.values === 'source' && !keepsValues(request.format))
    throw new StudioError(
      'invalid-argument',
      'This format numbers labels itself; the values of the source can be given back in NIfTI and NRRD files.',
    );
  if (request.regions === true && !hasRegionsIn(request.format))
    throw new StudioError(
      'invalid-argument',
      'In this format a voxel has one label. Export a mask for each label, DICOM SEG, RTSTRUCT or surfaces to have each with all that lies inside it.',
    );
  const names = fileNames(session, request);
  await claimOutputs(outputsOf(session, request, names), {
    inputs: listImages(session.project.read).flatMap((image) => imagePaths(session.project.paths, image)),
    overwrite: request.overwrite,
  });
  makeFolder(request.destination);
  const thread = new ExportThread(request.destination, options.cancellation);
  const running: Running = { session, request, thread, ...options, names, done: [], failures: [] };
  try {
    if (request.format === 'nnunet') await exportDataset(running);
    else if (request.format === 'csv') await exportTable(running);
    else if (request.format === 'measurements') await exportMeasured(running);
    else await exportEach(running, caseFormat(request.format));
  } finally {
    await thread.close();
  }
  const files = await Promise.all(running.done.map(verified));
  session.project.note((write) =>
    recordEvent(write, {
      kind: 'export',
      message: `Exported ${String(files.filter((file) => file.verified).length)} of ${String(request.caseIds.length)} (${request.format}).`,
      detail: { format: request.format, source: request.source, deidentified: request.deidentify, caseIds: request.caseIds.slice(0, 1000) },
    }),
  );
  return { files, failures: running.failures };
}

async function exportEach(running: Running, format: CaseFormat): Promise<void> {
  const {
    session: { project },
    request,
    thread,
  } = running;
  const labelSet = getLabelSet(project.read);
  await each(running, async (caseId, name) => {
    const path = format.target(request.destination, name);
    const written = await thread.run(
      'case',
      {
        format: format.id,
        path,
        labels: await labelsOf(running, caseId),
        labelSet,
        ...imageRequest(project, caseId),
        identity: !request.deidentify,
        origin: request.source,
        overwrite: request.overwrite,
        regions: request.regions === true,
        renumbering: request.values === 'source' ? sourceValues(project, caseId, labelSet) : null,
      },
      ignoreProgress,
    );
    running.done.push(...written.map((file) => ({ caseId, file })));
  });
}

async function exportTable(running: Running): Promise<void> {
  const labelSet = getLabelSet(running.session.project.read);
  const path = join(running.request.destination, tableName);
  const tables: CaseVolumes[] = [];
  await each(running, async (caseId, name) => {
    const rows = await running.thread.run('measure', { labels: await labelsOf(running, caseId), labelSet }, ignoreProgress);
    tables.push({ caseName: name, rows });
  });
  await exportVolumesCsv(path, tables);
  running.done.push({ caseId: null, file: await checkedFile(path) });
}

async function exportMeasured(running: Running): Promise<void> {
  const cases: MeasuredCase[] = [];
  await each(running, async (caseId, name) => {
    cases.push({ name, measurements: await readMeasurements(running.session.project, caseId) });
  });
  const [csv, json] = measurementNames.map((name) => join(running.request.destination, name)) as [string, string];
  await exportMeasurements({ csv, json }, cases);
  for (const path of [csv, json]) running.done.push({ caseId: null, file: await checkedFile(path) });
}

async function exportDataset(running: Running): Promise<void> {
  const {
    session: { project },
    request,
    thread,
    report,
  } = running;
  const modality = getCase(project.read, request.caseIds[0] ?? '').modality;
  const files = await thread.run(
    'dataset',
    {
      folder: request.destination,
      name: request.deidentify ? 'LoGoNet Studio' : project.info.name,
      channels: channelNames(project, request.caseIds),
      modality: modality === 'CT' || modality === 'MR' ? modality : ('unknown' satisfies Modality),
      labelSet: getLabelSet(project.read),
      cases: await Promise.all(
        request.caseIds.map(async (id, n) => ({
          id,
          name: running.names[n] ?? anonymousName(id),
          images: channelImages(project, id, channelNames(project, request.caseIds)),
          labels: await labelsOf(running, id),
        })),
      ),
    },
    report,
  );
  running.done.push(...files.map((file) => ({ caseId: null, file })));
}

function imageRequest(project: Project, caseId: string): { imagePaths: readonly string[]; known: KnownImage } {
  const image = imageOf(project.read, caseId);
  return { imagePaths: imagePaths(project.paths, image), known: knownImage(image) };
}

/** What the channels of these cases are called, in the order that they have; undefined where each case has one that nothing names. */
function channelNames({ read }: Project, caseIds: readonly string[]): string[] | undefined {
  const cases = caseIds.map((caseId) => listImages(read, caseId));
  if (cases.every(([only, further]) => further === undefined && only?.name === '')) return undefined;
  const names: string[] = [];
  for (const images of cases)
    for (const name of images.map(channelName)) if (!names.some((each) => sameChannelName(each, name))) names.push(name);
  return names;
}

const channelName = ({ name, position }: ImageRecord): string => (name === '' ? `image ${String(position + 1)}` : name);

/** A case's images in this order. Throws `conflict` where it lacks one: nnU-Net has no way to say that. */
function channelImages(project: Project, caseId: string, names: readonly string[] | undefined): ExportedImage[] {
  const images = listImages(project.read, caseId);
  const { grid } = imageOf(project.read, caseId);
  const ordered =
    names === undefined ? images.slice(0, 1) : names.map((name) => images.find((each) => sameChannelName(channelName(each), name)));
  return ordered.map((image, n) => {
    if (image === undefined)
      throw new StudioError(
        'conflict',
        `“${getCase(project.read, caseId).name}” has no image “${names?.[n] ?? ''}”, which other cases have. Export cases with the same images together.`,
      );
    const { placement, scale } = image;
    return { imagePaths: imagePaths(project.paths, image), known: knownImage(image), onto: { grid, placement, scale } };
  });
}

async function each(running: Running, work: (caseId: string, name: string) => Promise<void>): Promise<void> {
  const { request, cancellation, report, failures, names } = running;
  for (const [index, caseId] of request.caseIds.entries()) {
    throwIfCancelled(cancellation);
    report({
      phase: 'Exporting',
      detail: `${String(index + 1)} of ${String(request.caseIds.length)}`,
      fraction: index / request.caseIds.length,
    });
    try {
      // A mask goes out with its image or not at all, also where the format needs the mask alone.
      await checkCaseImages(running.session.project, caseId, cancellation);
      await work(caseId, names[index] ?? anonymousName(caseId));
    } catch (error) {
      const wire = toWireError(error);
      if (wire.code === 'cancelled' || wire.code === 'disk-full') throw error;
      failures.push({ caseId, error: wire });
    }
  }
}

/** The mask as it is at one moment now, or the newest prediction without the labels that were removed since. */
async function labelsOf({ session: { project, documents }, request }: Running, caseId: string): Promise<LabelsSource> {
  if (request.source === 'prediction') {
    const prediction = latestPrediction(project.read, caseId);
    if (prediction === undefined) throw new StudioError('not-found', 'This case has no prediction to export.');
    return {
      kind: 'file',
      path: project.paths.inside(prediction.path),
      removed: listRemovedLabels(project.read).map(({ value }) => value),
    };
  }
  const open = await documents.frozen(caseId);
  if (open !== null) return { kind: 'volume', volume: open };
  const accepted = latestMaskRevision(project.read, caseId);
  if (accepted === undefined) throw new StudioError('not-found', 'This case has no accepted mask to export. Accept it first.');
  return { kind: 'file', path: project.paths.inside(accepted.path) };
}

async function verified({ caseId, file }: Running['done'][number]): Promise<ExportedFile> {
  const isThere = await isStillThere(file);
  return {
    caseId,
    path: file.path,
    bytes: file.bytes,
    verified: isThere,
    differingVoxels: isThere ? 0 : null,
    message: isThere
      ? 'Read back and compared: no voxel differs.'
      : 'Another file took the place of what was written and compared. Export again, into a folder of its own.',
  };
}

const tableName = 'volumes.csv';
const measurementNames = ['measurements.csv', 'measurements.json'];

/** Every file that this export may write. */
function outputsOf({ project }: ExportSource, { format, destination, caseIds }: ExportRequest, names: readonly string[]): string[] {
  if (format === 'csv') return [join(destination, tableName)];
  if (format === 'measurements') return measurementNames.map((name) => join(destination, name));
  if (format === 'nnunet') {
    const channels = channelNames(project, caseIds)?.length ?? 1;
    return [...names.flatMap((name) => nnunetPaths(destination, name, true, channels)), join(destination, 'dataset.json')];
  }
  const { target, outputs = (path: string) => [path] } = caseFormat(format);
  const labelSet = getLabelSet(project.read);
  return names.flatMap((name) => outputs(target(destination, name), labelSet));
}

/** Cases of one name are told apart by the end of their identifiers, the same in every export. */
function fileNames({ project }: ExportSource, { caseIds, deidentify }: ExportRequest): string[] {
  if (deidentify) return caseIds.map((id) => anonymousName(id));
  const names = caseIds.map((id) => plainFileName(getCase(project.read, id).name) || anonymousName(id));
  return toldApart(names, [(n, _, name) => `${name}_${caseIds[n]?.slice(-6) ?? ''}`]);
}
