import { mkdir, open, readdir, rename, rm, rmdir, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { syncFolder, unfinishedPath, writeFileAtomically } from '#main/files/atomicFile.ts';
import { fileError } from '#main/files/fileError.ts';
import { requireSpace } from '#main/files/freeSpace.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';
import { latestSchema, ProjectPaths, resolveInside } from '#main/library/index.ts';
import { describePacked, readPacked, type PackedDescription } from './packedProject.ts';

/** What a packed project is called and how large it is. Throws `not-found`, `invalid-file`, `unsupported`, `corrupt`. */
export function lookIntoPacked(path: string): Promise<PackedDescription> {
  return withFile(path, (file) => describePacked(file, latestSchema));
}

/**
 * Unpacks a project into a new or empty folder, which is there once every file's checksum was right. Throws `conflict` where something lies
 * there already, `disk-full` before anything is written, `invalid-file`, `unsupported`, `corrupt`, `io`, `cancelled`.
 */
export async function unpackProject(
  packed: string,
  folder: string,
  options: { readonly cancellation: Cancellation; readonly report: ReportProgress },
): Promise<PackedDescription> {
  requireAbsolute(folder);
  const isEmpty = await readdir(folder).then(
    (names) => names.length === 0,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error instanceof Error && 'code' in error && error.code === 'ENOTDIR'
        ? new StudioError('conflict', `There is a file “${basename(folder)}”. Choose another name for the project’s folder.`)
        : fileError(error, folder);
    },
  );
  if (isEmpty === false)
    throw new StudioError('conflict', `The folder “${basename(folder)}” is not empty. Choose a new or an empty folder for the project.`);
  return withFile(packed, async (file) => {
    await describePacked(file, latestSchema);
    await requireSpace(dirname(folder), (await file.stat()).size);
    makeFolder(dirname(folder));
    const begun = unfinishedPath(folder);
    try {
      await mkdir(begun);
      const described = await extract(file, begun, () => true, options);
      const { info, database, backups, images, exports } = new ProjectPaths(begun);
      for (const path of [info, database])
        if (!(await isFile(path))) throw new StudioError('invalid-file', 'This file is no packed project of LoGoNet Studio.');
      for (const path of [backups, images, exports]) await mkdir(path, { recursive: true });
      await writeFileAtomically(join(begun, 'Open.logonet'), '');
      await syncFolder(begun);
      if (isEmpty === true) await rmdir(folder);
      await rename(begun, folder);
      await syncFolder(dirname(folder));
      return described;
    } catch (error) {
      await rm(begun, { recursive: true, force: true });
      throw fileError(error, folder);
    }
  });
}

/** Unpacks the part of a project that a second reading needs: its library and its masks. Into an empty folder; throws as `unpackProject`. */
export function unpackMasks(
  packed: string,
  folder: string,
  options: { readonly cancellation: Cancellation; readonly report: ReportProgress },
): Promise<PackedDescription> {
  const wanted = (name: string): boolean => name === 'project.json' || name === 'library.sqlite' || /^cases\/[^/]+\/revisions\//.test(name);
  return withFile(packed, (file) => extract(file, folder, wanted, options));
}

async function extract(
  file: FileHandle,
  folder: string,
  wanted: (name: string) => boolean,
  { cancellation, report }: { readonly cancellation: Cancellation; readonly report: ReportProgress },
): Promise<PackedDescription> {
  let done = 0;
  return readPacked(file, latestSchema, async ({ name }, pieces, { bytes }) => {
    const passed = (length: number): void => {
      throwIfCancelled(cancellation);
      done += length;
      report({ phase: 'Unpacking', fraction: Math.min(1, done / Math.max(1, bytes)), detail: basename(name) });
    };
    if (!wanted(name)) {
      for await (const piece of pieces) passed(piece.length);
      return;
    }
    const path = resolveInside(folder, name);
    await mkdir(dirname(path), { recursive: true });
    const target = await open(path, 'wx');
    try {
      for await (const piece of pieces) {
        for (let at = 0; at < piece.length;) at += (await target.write(piece, at)).bytesWritten;
        passed(piece.length);
      }
      await target.sync();
    } finally {
      await target.close();
    }
  });
}

async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(requireAbsolute(path), 'r').catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    if (!(await file.stat()).isFile()) throw new StudioError('invalid-file', `“${basename(path)}” is no file.`);
    return await work(file);
  } finally {
    await file.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
