import { dirname } from 'node:path';
import type { ReportProgress } from '#shared/base/progress.ts';
import { toWireError } from '#shared/base/errors.ts';
import { unsupportedFile } from '../failure.ts';
import type { LeftOut } from '../scanPaths.ts';
import { describeDicomFile } from './describe.ts';
import type { Frame } from './frames.ts';
import { groupFrames } from './geometry.ts';

export interface FoundSeries {
  readonly paths: readonly string[];
  readonly folder: string;
  readonly label: string;
  readonly format: 'dicom' | 'dicom-seg';
  readonly kind: 'image' | 'labels';
}

/** Groups files into series by identifier and geometry; segmentations stand alone. Single pictures beside a series (scout views) are left out. */
export async function scanDicomFiles(files: readonly string[], report: ReportProgress): Promise<{ candidates: FoundSeries[]; leftOut: LeftOut[] }> {
  const candidates: FoundSeries[] = [];
  const leftOut: LeftOut[] = [];
  const frames: Frame[] = [];
  for (const [n, path] of files.entries()) {
    if (n % 50 === 0) report({ phase: 'Sorting DICOM files', fraction: n / files.length });
    try {
      const found = await describeDicomFile(path);
      if (found.kind === 'frames') frames.push(...found.frames);
      else if (found.kind === 'segmentation') candidates.push({ paths: [path], folder: dirname(path), label: `segmentation ${found.seriesNumber}`, format: 'dicom-seg', kind: 'labels' });
      else leftOut.push({ path, reason: unsupportedFile(path, found.reason).message });
    } catch (error) {
      leftOut.push({ path, reason: toWireError(error).message });
    }
  }
  const parts = new Map<string, number>();
  for (const group of groupFrames(frames)) {
    const [first] = group;
    if (!first) continue;
    const paths = [...new Set(group.map((frame) => frame.path))];
    if (group.length < 3) leftOut.push(...paths.map((path) => ({ path, reason: unsupportedFile(path, `is one of only ${group.length} ${group.length === 1 ? 'slice' : 'slices'} of its series and orientation, too few for a volume.`).message })));
    else {
      const part = (parts.get(first.seriesInstanceUid) ?? 0) + 1;
      parts.set(first.seriesInstanceUid, part);
      candidates.push({ paths, folder: dirname(first.path), label: `series ${first.seriesNumber}${part > 1 ? ` part ${part}` : ''}`, format: 'dicom', kind: 'image' });
    }
  }
  return { candidates, leftOut };
}
