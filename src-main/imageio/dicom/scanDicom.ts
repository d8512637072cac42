import type { ReportProgress } from '#shared/base/progress.ts';
import type { LeftOut } from '../scanPaths.ts';

export interface FoundSeries { readonly paths: readonly string[]; readonly folder: string; readonly label: string; readonly format: 'dicom' | 'dicom-seg'; readonly kind: 'image' | 'labels' }

export async function scanDicomFiles(_files: readonly string[], _report: ReportProgress): Promise<{ candidates: FoundSeries[]; leftOut: LeftOut[] }> {
  return { candidates: [], leftOut: [] };
}
