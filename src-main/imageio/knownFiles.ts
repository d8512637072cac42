/** Images that are read again: whether their files are there, and whether they still hold what was imported. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { localTime } from '#shared/base/localTime.ts';
import { StudioError } from '#shared/base/errors.ts';
import { newestOf, type FileState, type KnownImage } from '#shared/domain/image.ts';

const faultsOfContent: readonly string[] = ['invalid-file', 'unsupported', 'conflict'];

/** Sizes and times of files. Throws `not-found` where one of them is not reachable, whatever the reason. */
export async function fileStates(paths: readonly string[]): Promise<FileState[]> {
  const states: FileState[] = [];
  for (const path of paths) {
    const { size, mtimeMs } = await stat(path).catch((cause: unknown) => {
      throw new StudioError(
        'not-found',
        `${basename(path)} is not reachable: the disk or share that it lies on is away, or it was moved. Connect it again, or say where it lies now (Relink).`,
        { detail: path, cause },
      );
    });
    states.push({ bytes: size, modifiedAt: Math.floor(mtimeMs) });
  }
  return states;
}

/** That files hold something else than what was imported, with both dates. */
export function changedFile(
  paths: readonly string[],
  before: string | undefined,
  states: readonly FileState[],
  cause?: unknown,
): StudioError {
  const now = newestOf(states);
  const name = basename(paths[0] ?? '');
  const subject = paths.length > 1 ? `The series of ${name} (${String(paths.length)} files)` : name;
  const dates =
    before === undefined
      ? `it was last written on ${localTime(now)}`
      : before === now
        ? `both are dated ${localTime(now)}`
        : `that one was last written on ${localTime(before)}, this one on ${localTime(now)}`;
  return new StudioError(
    'changed',
    `${subject} is no longer what was imported: ${dates}. It is not shown, predicted, trained on or exported with the mask of the other one. Put the original back, say where it lies now (Relink), or import the new one as a case of its own.`,
    { detail: paths[0] ?? '', cause },
  );
}

/** What a failure of reading a known image means: away, changed, or what it was. */
export async function explained(error: unknown, paths: readonly string[], { modifiedAt }: KnownImage): Promise<unknown> {
  if (!(error instanceof StudioError) || error.code === 'cancelled') return error;
  try {
    const states = await fileStates(paths);
    return faultsOfContent.includes(error.code) && newestOf(states) !== modifiedAt ? changedFile(paths, modifiedAt, states, error) : error;
  } catch (away) {
    return away;
  }
}
