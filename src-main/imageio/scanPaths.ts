import { opendir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import type { ReportProgress } from '#shared/base/progress.ts';
import { toWireError } from '#shared/base/errors.ts';
import { detectFormat } from './detect.ts';
import { imageStem } from './endings.ts';
import { packedDicom, unsupportedFile } from './failure.ts';
import { scanDicomFiles } from './dicom/scanDicom.ts';
import type { DicomReferences } from './types.ts';

export interface ScanRequest {
  readonly folder: string;
  /** Only these files, of this folder. */
  readonly files?: readonly string[];
}

/** One image or segmentation that can be read: a file, or the files of a DICOM series. */
export interface ImageCandidate {
  readonly paths: readonly string[];
  /** Named after the file or, for DICOM, the folder and series number; holds nothing from the patient's data. */
  readonly name: string;
  readonly format: 'nifti' | 'nrrd' | 'metaimage' | 'dicom' | 'dicom-seg' | 'rtstruct';
  /** Where the file itself says so; elsewhere 'image'. */
  readonly kind: 'image' | 'labels';
  /** Volumes that the very same files hold, to be read by number. */
  readonly volumes: number;
  /** One volume of a DICOM series that holds several at the same places: which, from 1, and of how many. */
  readonly part: { readonly number: number; readonly count: number } | null;
  /** The images that a DICOM segmentation or structure set names. */
  readonly refersTo?: DicomReferences;
}

export interface Skipped {
  readonly path: string;
  readonly reason: string;
}
export interface ScanResult {
  readonly candidates: readonly ImageCandidate[];
  readonly skipped: readonly Skipped[];
  /** Data files of headers, descriptions and notes: no images, and no cause for complaint. */
  readonly aside: readonly string[];
}

const maxFiles = 200_000;
const maxDepth = 16;

/** Finds what can be imported below a folder: only for workers, see scan.ts. Every file is in one candidate, left out with its reason, or aside. */
export async function scanPaths({ folder, files: chosen }: ScanRequest, report: ReportProgress): Promise<ScanResult> {
  const candidates: ImageCandidate[] = [];
  const skipped: Skipped[] = [];
  const aside: string[] = [];
  const dicomFiles = new Map<string, string>();
  const files = chosen ?? (await filesBelow(folder, skipped));
  let done = 0;
  for (const path of files) {
    if (done++ % 50 === 0) report({ phase: 'Looking at files', fraction: done / (files.length + 1) });
    try {
      const format = await detectFormat(path);
      if (format?.kind === 'dicom' && format.compression !== 'none')
        skipped.push({ path, reason: unsupportedFile(path, packedDicom).message });
      else if (format?.kind === 'dicom') {
        const real = await realpath(path);
        const before = dicomFiles.get(real);
        if (before === undefined) dicomFiles.set(real, path);
        else skipped.push({ path, reason: `${basename(path)} is the same file as ${basename(before)}, by a link.` });
      } else if (format)
        candidates.push({
          paths: [path],
          name: imageStem(path).replace(/\.seg$/i, ''),
          format: format.kind,
          kind: /\.seg\.nrrd$/i.test(path) ? 'labels' : 'image',
          volumes: format.volumes,
          part: null,
        });
      else if (isCompanion(path)) aside.push(path);
      else skipped.push({ path, reason: `${basename(path)} is not a supported image.` });
    } catch (error) {
      if (isCompanion(path)) aside.push(path);
      else skipped.push({ path, reason: toWireError(error).message });
    }
  }
  const series = await scanDicomFiles([...dicomFiles.values()], report, chosen !== undefined);
  candidates.push(
    ...series.candidates.map((found) => ({ ...found, name: `${relative(folder, found.folder) || basename(folder)}/${found.label}` })),
  );
  skipped.push(...series.skipped);
  aside.push(...series.aside);
  return { candidates, skipped, aside };
}

/** A data file of a header beside it, or a note: neither an image of its own nor worth a complaint. */
function isCompanion(path: string): boolean {
  return /\.(raw|zraw|img|json|txt|md|csv|tsv|pdf)$|(^|[/\\])(\.[^/\\]*|LICENSE|COPYING|README|Thumbs\.db)$/i.test(path);
}

async function filesBelow(folder: string, skipped: Skipped[]): Promise<string[]> {
  const files: string[] = [];
  const root = await realpath(folder);
  const visit = async (path: string, depth: number): Promise<void> => {
    if (depth > maxDepth || files.length >= maxFiles) {
      skipped.push({ path, reason: `${basename(path)} lies too deep, or the folder holds more than ${maxFiles} files.` });
      return;
    }
    const entries = [];
    for await (const entry of await opendir(path)) entries.push(entry);
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) await visit(inner, depth + 1);
      else if (entry.isFile()) files.push(inner);
      else {
        const reason = entry.isSymbolicLink() ? await linkRefusal(inner, root) : `${entry.name} is no regular file.`;
        if (reason === null) files.push(inner);
        else skipped.push({ path: inner, reason });
      }
    }
  };
  await visit(folder, 0);
  return files;
}

/** Null for a link to a file of the chosen folder; else why it is not followed. */
async function linkRefusal(path: string, root: string): Promise<string | null> {
  const name = basename(path);
  const real = await realpath(path).catch(() => null);
  if (real === null) return `${name} is a link to something that is not there.`;
  if (!real.startsWith(root + sep))
    return `${name} is a link that leads outside the chosen folder, which is not followed. Import what it leads to.`;
  const found = await stat(real);
  if (found.isFile()) return null;
  return found.isDirectory()
    ? `${name} is a link to a folder of the chosen folder, which is read at its own place.`
    : `${name} is a link to no regular file.`;
}
