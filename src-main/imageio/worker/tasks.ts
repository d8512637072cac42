import type { ReportProgress } from '#shared/base/progress.ts';
import type { VoxelArray } from '#shared/geometry/grid.ts';
import { decodeImage, type DecodeRequest } from '../decode.ts';
import { scanPaths, type ScanRequest, type ScanResult } from '../scanPaths.ts';
import { toLabels } from '../toLabels.ts';
import type { ReadImage, ReadLabels } from '../types.ts';

/** What runs in decode workers: for each task, its request and its result. */
export interface DecodeTasks {
  readonly image: (request: DecodeRequest) => Promise<ReadImage>;
  readonly labels: (request: DecodeRequest & { readonly overlaps: boolean }) => Promise<ReadLabels>;
  readonly scan: (request: ScanRequest, report: ReportProgress) => Promise<ScanResult>;
}

export type DecodeTaskName = keyof DecodeTasks;

export const decodeTasks: DecodeTasks = {
  image: decodeImage,
  labels: async (request) => toLabels(request.paths[0] ?? '', await decodeImage(request), request.overlaps),
  scan: scanPaths,
};

/** The voxel buffers inside a result, to be moved rather than copied to the caller's thread. */
export function transferablesOf(result: unknown): ArrayBuffer[] {
  const data = (result as { volume?: { data?: VoxelArray } }).volume?.data;
  return data?.buffer instanceof ArrayBuffer ? [data.buffer] : [];
}
