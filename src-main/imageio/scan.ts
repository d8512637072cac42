import { basename, resolve } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { ScanResult } from './scanPaths.ts';
import { decodeInWorker } from './worker/decodeInWorker.ts';

export type { ImageCandidate, Skipped, ScanResult } from './scanPaths.ts';

/**
 * Finds the images and segmentations below a folder, in a worker: one candidate for each file, and one for each DICOM series and geometry.
 * What is left out is listed with its reason. Links are followed inside
 * the folder alone.
 */
export async function scanFolder(
  folder: string,
  options: { files?: readonly string[]; cancellation?: Cancellation; report?: ReportProgress } = {},
): Promise<ScanResult> {
  return decodeInWorker(
    'scan',
    { folder: resolve(folder), ...(options.files && { files: options.files }) },
    { ...options, subject: basename(resolve(folder)), timeoutMs: 30 * 60_000 },
  );
}
