import { basename, resolve } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { ScanResult } from './scanPaths.ts';
import { decodeInWorker } from './worker/decodeInWorker.ts';

export type { ImageCandidate, LeftOut, ScanResult } from './scanPaths.ts';

/**
 * Finds the images and segmentations below a folder, in a worker: one candidate for each file, and one for each DICOM series and geometry.
 * What is left out is listed with its reason. Links are not followed.
 */
export async function scanFolder(folder: string, options: { cancellation?: Cancellation; report?: ReportProgress } = {}): Promise<ScanResult> {
  return decodeInWorker('scan', { folder: resolve(folder) }, { ...options, subject: basename(resolve(folder)), timeoutMs: 30 * 60_000 });
}
