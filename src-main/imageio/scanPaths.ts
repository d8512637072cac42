import { opendir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { ReportProgress } from '#shared/base/progress.ts';
import { toWireError } from '#shared/base/errors.ts';
import { detectFormat } from './detect.ts';
import { packedDicom, unsupportedFile } from './failure.ts';
import { scanDicomFiles } from './dicom/scanDicom.ts';

export interface ScanRequest { readonly folder: string }

/** One image or segmentation that can be read: a file, or the files of a DICOM series. */
export interface ImageCandidate {
  readonly paths: readonly string[];
  /** Named after the file or, for DICOM, the folder and series number; holds nothing from the patient's data. */
  readonly name: string;
  readonly format: 'nifti' | 'nrrd' | 'metaimage' | 'dicom' | 'dicom-seg';
  /** Where the file itself says so; elsewhere 'image'. */
  readonly kind: 'image' | 'labels';
}

export interface LeftOut { readonly path: string; readonly reason: string }
export interface ScanResult { readonly candidates: readonly ImageCandidate[]; readonly leftOut: readonly LeftOut[] }

const maxFiles = 200_000;
const maxDepth = 16;

/** Finds what can be imported below a folder: only for workers, see scan.ts. One bad file is listed with its reason and stops nothing. */
export async function scanPaths({ folder }: ScanRequest, report: ReportProgress): Promise<ScanResult> {
  const candidates: ImageCandidate[] = [];
  const leftOut: LeftOut[] = [];
  const dicomFiles: string[] = [];
  const files = await filesBelow(folder, leftOut);
  let done = 0;
  for (const path of files) {
    if (done++ % 50 === 0) report({ phase: 'Looking at files', fraction: done / (files.length + 1) });
    try {
      const format = await detectFormat(path);
      if (format?.kind === 'dicom' && format.compression !== 'none') leftOut.push({ path, reason: unsupportedFile(path, packedDicom).message });
      else if (format?.kind === 'dicom') dicomFiles.push(path);
      else if (format) candidates.push({ paths: [path], name: stem(path), format: format.kind, kind: /\.seg\.nrrd$/i.test(path) ? 'labels' : 'image' });
      else if (!isCompanion(path)) leftOut.push({ path, reason: `${basename(path)} is no image that is read here.` });
    } catch (error) {
      leftOut.push({ path, reason: toWireError(error).message });
    }
  }
  const series = await scanDicomFiles(dicomFiles, report);
  candidates.push(...series.candidates.map((found) => ({ ...found, name: `${relative(folder, found.folder) || basename(folder)}/${found.label}` })));
  leftOut.push(...series.leftOut);
  return { candidates, leftOut };
}

/** A data file of a header beside it, or a note: neither an image of its own nor worth a complaint. */
function isCompanion(path: string): boolean {
  return /\.(raw|zraw|img|json|txt|md|csv|tsv|pdf)$|(^|[/\\])(\.[^/\\]*|LICENSE|COPYING|README|Thumbs\.db)$/i.test(path);
}

/** File name without an image's ending. */
function stem(path: string): string {
  return basename(path).replace(/(\.seg)?\.(nii|nii\.gz|nrrd|nhdr|mha|mhd|dcm)$/i, '');
}

async function filesBelow(folder: string, leftOut: LeftOut[]): Promise<string[]> {
  const files: string[] = [];
  const visit = async (path: string, depth: number): Promise<void> => {
    if (depth > maxDepth || files.length >= maxFiles) {
      leftOut.push({ path, reason: `${basename(path)} lies too deep, or the folder holds more than ${maxFiles} files.` });
      return;
    }
    const entries = [];
    for await (const entry of await opendir(path)) entries.push(entry);
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      // Links are not followed: they may lead outside the chosen folder, or in circles.
      if (entry.isDirectory()) await visit(join(path, entry.name), depth + 1);
      else if (entry.isFile()) files.push(join(path, entry.name));
    }
  };
  await visit(folder, 0);
  return files;
}
