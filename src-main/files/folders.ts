/** Folders as a person browses them. */
import { existsSync } from 'node:fs';
import { lstat, mkdir, opendir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { fileError } from './fileError.ts';
import { requireAbsolute } from './requireAbsolute.ts';

const maximumEntries = 5000;

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly kind: 'folder' | 'file';
  readonly size: number;
  readonly modifiedAt: string;
  readonly isProject: boolean;
}

/** Makes a folder in another; resolves with its path. Throws `invalid-argument`, `not-found`, `conflict`, `disk-full`, `io`. */
export async function createFolder(parent: string, name: string): Promise<string> {
  if (name !== basename(name) || /[\\/:*?"<>|]/.test(name) || /^\.+$/.test(name.trim())) {
    throw new StudioError('invalid-argument', 'A folder name must not hold any of \\ / : * ? " < > |.');
  }
  const path = join(await absolute(parent), name);
  await mkdir(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
  return path;
}

/** Folders first, then files, by name; hidden ones left out. Throws a typed error for what is no readable folder. */
export async function listFolder(folder: string): Promise<{ path: string; parent: string | null; entries: Entry[]; truncated: boolean }> {
  const path = await absolute(folder);
  const entries: Entry[] = [];
  let truncated = false;
  try {
    for await (const { name } of await opendir(path)) {
      if (name.startsWith('.')) continue;
      if (entries.length === maximumEntries) {
        truncated = true;
        break;
      }
      const entry = await describe(join(path, name), name);
      if (entry !== null) entries.push(entry);
    }
  } catch (error) {
    throw fileError(error, path);
  }
  entries.sort((a, b) => (a.kind === b.kind ? a.name.localeCompare(b.name, undefined, { numeric: true }) : a.kind === 'folder' ? -1 : 1));
  const parent = dirname(path);
  return { path, parent: parent === path ? null : parent, entries, truncated };
}

async function describe(path: string, name: string): Promise<Entry | null> {
  try {
    const state = (await lstat(path)).isSymbolicLink() ? await stat(path) : await lstat(path);
    if (!state.isDirectory() && !state.isFile()) return null;
    const folder = state.isDirectory();
    return {
      name,
      path,
      kind: folder ? 'folder' : 'file',
      size: folder ? 0 : state.size,
      modifiedAt: state.mtime.toISOString(),
      isProject: folder && existsSync(join(path, 'project.json')),
    };
  } catch {
    return null; // gone or not ours to see
  }
}

async function absolute(path: string): Promise<string> {
  return realpath(requireAbsolute(path)).catch((error: unknown) => {
    throw fileError(error, path);
  });
}

/** Where to begin looking for a folder: the person's own folders and the drives of this computer. */
export function places(): { name: string; path: string }[] {
  const home = homedir();
  const named = [
    ['Home', home],
    ['Documents', join(home, 'Documents')],
    ['Desktop', join(home, 'Desktop')],
    ['Downloads', join(home, 'Downloads')],
  ];
  const roots =
    process.platform === 'win32'
      ? 'CDEFGHIJKLMNOPQRSTUVWXYZ'.split('').map((letter) => [`${letter}:`, `${letter}:\\`])
      : [
          ['Computer', '/'],
          ['Media', '/media'],
          ['Volumes', '/Volumes'],
          ['Network', '/mnt'],
        ];
  return [...named, ...roots].flatMap(([name, path]) =>
    name !== undefined && path !== undefined && existsSync(path) ? [{ name, path }] : [],
  );
}
