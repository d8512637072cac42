/**
 * A folder that grows, as one that a PACS exports to. It is looked at again and again, since network shares tell of no changes; what counts is
 * that two looks see the same for long enough by this computer's clock, whatever the share's own clock says.
 */
import { lstat, opendir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { unfinishedName } from '#main/files/atomicFile.ts';
import { roleOf } from '#main/imageio/fileRole.ts';

/** Size and time of each file, by its path below the folder with '/'. */
export type FolderLook = ReadonlyMap<string, string>;

export interface Arrival {
  readonly folder: string;
  /** How many files are new, or not as they were. */
  readonly files: number;
  /** What an import is to be planned of: the folders of the new files where those say all, else the whole folder. */
  readonly sources: readonly string[];
  /** What the folder held then. */
  readonly look: FolderLook;
}

/** Names of files that others are still writing, and of folders that hold none. */
const passing = /^\.|\.(part|partial|tmp|temp|crdownload|filepart)$|^~/i;

/** What a folder holds; null where it, or a part of it, cannot be read just now. */
export async function lookAtFolder(folder: string): Promise<FolderLook | null> {
  const found = new Map<string, string>();
  try {
    await gather(folder, folder, found);
    return found;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

async function gather(root: string, folder: string, found: Map<string, string>): Promise<void> {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    if (passing.test(entry.name) || unfinishedName.test(entry.name)) continue;
    if (entry.isDirectory()) {
      await gather(root, path, found);
      continue;
    }
    const { size, mtimeMs } = await lstat(path);
    // Some shares keep whole seconds, and tell fractions only until they have written.
    found.set(relative(root, path).split(sep).join('/'), `${String(size)} ${String(Math.floor(mtimeMs / 1000))}`);
  }
}

/** Looks at one folder; `known` is what was imported or dismissed before. */
export class FolderWatch {
  readonly folder: string;
  readonly #quietMs: number;
  #known: FolderLook;
  #last: FolderLook | null = null;
  #unchangedSince = 0;

  constructor(folder: string, { quietSeconds, known }: { readonly quietSeconds: number; readonly known: FolderLook }) {
    this.folder = folder;
    this.#quietMs = 1000 * quietSeconds;
    this.#known = known;
  }

  /** What is new once the folder is quiet; null before that, while it is away, and where nothing is new. `now`: milliseconds of a clock that never goes back. */
  async look(now = performance.now()): Promise<Arrival | null> {
    const look = await lookAtFolder(this.folder);
    if (look === null) return null;
    if (this.#last === null || !same(look, this.#last)) {
      this.#last = look;
      this.#unchangedSince = now;
    }
    const fresh = [...look.keys()].filter((path) => this.#known.get(path) !== look.get(path));
    if (fresh.length === 0 || now - this.#unchangedSince < this.#quietMs) return null;
    return { folder: this.folder, files: fresh.length, sources: sourcesOf(this.folder, fresh, look), look };
  }

  /** What was there then is not new any more. */
  seen(look: FolderLook): void {
    this.#known = new Map([...this.#known, ...look]);
  }
}

function same(a: FolderLook, b: FolderLook): boolean {
  return a.size === b.size && [...a].every(([path, state]) => b.get(path) === state);
}

const mostSources = 1000;

/**
 * Files belong together across folders that only say "images" or "labels", and what lies loose may describe everything: there the whole folder
 * is planned. Else a folder that holds nothing new has no part in it.
 */
function sourcesOf(folder: string, fresh: readonly string[], look: FolderLook): string[] {
  const tops = new Set(fresh.map((path) => path.split('/')[0] ?? ''));
  const isLoose = [...look.keys()].some((path) => !path.includes('/'));
  const isRole = (name: string): boolean => roleOf(`root/${name}/x.nii`).home === 'root';
  const all = new Set([...look.keys()].map((path) => path.split('/')[0] ?? ''));
  if (isLoose || tops.size > mostSources || [...all].some(isRole)) return [folder];
  return [...tops].sort().map((name) => join(folder, name));
}
