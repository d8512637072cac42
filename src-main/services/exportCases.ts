import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import { ignoreProgress, type ReportProgress } from '#shared/base/progress.ts';
import { anonymousName } from '#main/export/anonymousName.ts';
import { exportVolumesCsv, type CaseVolumes } from '#main/export/exportVolumesCsv.ts';
import type { Modality } from '#main/imageio/readImage.ts';
import { getCase, getLabelSet, latestMaskRevision, latestPrediction, listRemovedLabels, recordEvent } from '#main/library/index.ts';
import { caseFormat, type CaseFormat } from './exportFormats.ts';
import type { LabelsSource } from './exportTasks.ts';
import { ExportThread } from './exportThread.ts';
import { imageOf, imagePaths } from './imageCache.ts';
import { requireAbsolute } from './requireAbsolute.ts';
import type { ProjectSession } from './workbench.ts';

export interface ExportRequest {
  readonly format: string;
  /** Absolute folder; made where it is not there. */
  readonly destination: string;
  readonly caseIds: readonly string[];
  readonly source: 'mask' | 'prediction';
  /** File names and headers say nothing of who it is. */
  readonly deidentify: boolean;
  readonly overwrite: boolean;
}

export interface ExportedFile {
  readonly caseId: string | null;
  readonly path: string;
  readonly bytes: number;
  readonly verified: boolean;
  readonly differingVoxels: number | null;
  readonly message: string;
}

export interface ExportOutcome {
  readonly files: ExportedFile[];
  readonly failures: { readonly caseId: string; readonly error: WireError }[];
}

interface Running {
  readonly session: ProjectSession;
  readonly thread: ExportThread;
  readonly request: ExportRequest;
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  readonly outcome: ExportOutcome;
}

/** Writes, reads back, compares, in a thread of its own. A case that fails does not stop the others. Throws `cancelled`, `disk-full`, `conflict` (already there). */
export async function exportCases(session: ProjectSession, request: ExportRequest, options: { cancellation: Cancellation; report: ReportProgress }): Promise<ExportOutcome> {
  requireAbsolute(request.destination);
  if (request.caseIds.length === 0) throw new StudioError('conflict', 'There is no accepted case to export yet. Accept a case first.');
  await mkdir(request.destination, { recursive: true }).catch((cause: unknown) => {
    throw new StudioError('io', 'The destination folder cannot be made. Choose another one.', { cause });
  });
  const thread = new ExportThread(request.destination, options.cancellation);
  const running: Running = { session, request, thread, ...options, outcome: { files: [], failures: [] } };
  try {
    if (request.format === 'nnunet') await exportDataset(running);
    else if (request.format === 'csv') await exportTable(running);
    else await exportEach(running, caseFormat(request.format));
  } finally {
    await thread.close();
  }
  recordEvent(session.project.write, {
    kind: 'export', message: `Exported ${String(running.outcome.files.length)} of ${String(request.caseIds.length)} (${request.format}).`,
    detail: { format: request.format, source: request.source, deidentified: request.deidentify, caseIds: request.caseIds.slice(0, 1000) },
  });
  return running.outcome;
}

async function exportEach(running: Running, format: CaseFormat): Promise<void> {
  const { session: { project }, request, thread } = running;
  const labelSet = getLabelSet(project.read);
  await each(running, async (caseId) => {
    const path = format.target(request.destination, fileNameOf(running, caseId));
    refuseToOverwrite(path, request);
    const written = await thread.run('case', {
      format: format.id, path, labels: labelsOf(running, caseId), labelSet, imagePaths: imagePaths(project, imageOf(project, caseId)),
      identity: !request.deidentify, origin: request.source,
    }, ignoreProgress);
    for (const file of written) await done(running, caseId, file);
  });
}

async function exportTable(running: Running): Promise<void> {
  const labelSet = getLabelSet(running.session.project.read);
  const path = join(running.request.destination, 'volumes.csv');
  refuseToOverwrite(path, running.request);
  const tables: CaseVolumes[] = [];
  await each(running, async (caseId) => {
    const rows = await running.thread.run('measure', { labels: labelsOf(running, caseId), labelSet }, ignoreProgress);
    tables.push({ caseName: fileNameOf(running, caseId), rows });
  });
  await exportVolumesCsv(path, tables);
  await done(running, null, path);
}

async function exportDataset(running: Running): Promise<void> {
  const { session: { project }, request, thread, report } = running;
  const path = join(request.destination, 'dataset.json');
  refuseToOverwrite(path, request);
  const modality = getCase(project.read, request.caseIds[0] ?? '').modality;
  await thread.run('dataset', {
    folder: request.destination,
    name: request.deidentify ? 'LoGoNet Studio' : project.info.name,
    modality: modality === 'CT' || modality === 'MR' ? modality : 'unknown' satisfies Modality,
    labelSet: getLabelSet(project.read),
    cases: request.caseIds.map((id) => ({
      id, ...(request.deidentify ? {} : { name: getCase(project.read, id).name }),
      imagePaths: imagePaths(project, imageOf(project, id)), labels: labelsOf(running, id),
    })),
  }, report);
  await done(running, null, path);
}

async function each(running: Running, work: (caseId: string) => Promise<void>): Promise<void> {
  const { request, cancellation, report, outcome } = running;
  for (const [index, caseId] of request.caseIds.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: 'Exporting', detail: `${String(index + 1)} of ${String(request.caseIds.length)}`, fraction: index / request.caseIds.length });
    try {
      await work(caseId);
    } catch (error) {
      const wire = toWireError(error);
      if (wire.code === 'cancelled' || wire.code === 'disk-full') throw error;
      outcome.failures.push({ caseId, error: wire });
    }
  }
}

/** The mask as it is now, or the newest prediction without the labels that were removed since. */
function labelsOf({ session: { project, documents }, request }: Running, caseId: string): LabelsSource {
  if (request.source === 'prediction') {
    const prediction = latestPrediction(project.read, caseId);
    if (prediction === undefined) throw new StudioError('not-found', 'This case has no prediction to export.');
    return { kind: 'file', path: project.paths.inside(prediction.path), leftOut: listRemovedLabels(project.read).map(({ value }) => value) };
  }
  const open = documents.volumeOf(caseId);
  if (open !== null) return { kind: 'volume', volume: open };
  const accepted = latestMaskRevision(project.read, caseId);
  if (accepted === undefined) throw new StudioError('not-found', 'This case has no accepted mask to export. Accept it first.');
  return { kind: 'file', path: project.paths.inside(accepted.path) };
}

/** Every writer has read its file back and compared it by now, and keeps none that differs. */
async function done({ outcome }: Running, caseId: string | null, path: string): Promise<void> {
  outcome.files.push({ caseId, path, bytes: (await stat(path)).size, verified: true, differingVoxels: 0, message: 'Read back and compared: no voxel differs.' });
}

function fileNameOf({ session: { project }, request }: Running, caseId: string): string {
  if (request.deidentify) return anonymousName(caseId);
  return getCase(project.read, caseId).name.replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^\.+/, '_').slice(0, 100) || anonymousName(caseId);
}

function refuseToOverwrite(path: string, { overwrite }: ExportRequest): void {
  if (!overwrite && existsSync(path)) throw new StudioError('conflict', 'There is already a file of this name in the destination. Choose another folder, or allow replacing.');
}
