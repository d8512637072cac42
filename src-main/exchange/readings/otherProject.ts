import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { openProjectReadOnly, type Project } from '#main/library/index.ts';
import { unpackMasks } from '../carry/unpackProject.ts';

/** Opens another project to read its masks: a folder, or a packed one, of which the masks alone are unpacked for as long. */
export async function withOtherProject<T>(
  path: string,
  options: { readonly cancellation: Cancellation; readonly report: ReportProgress },
  work: (other: Pick<Project, 'paths' | 'info' | 'read'>) => Promise<T>,
): Promise<T> {
  const isPacked = (await stat(path).catch(() => null))?.isFile() === true;
  const temporary = isPacked ? await mkdtemp(join(tmpdir(), 'logonet-reading-')) : null;
  try {
    if (temporary !== null) await unpackMasks(path, temporary, options);
    const other = openProjectReadOnly(temporary ?? path);
    try {
      return await work(other);
    } finally {
      other.close();
    }
  } finally {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  }
}
