import { lstat, mkdir, opendir, realpath, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { ServiceHandlers } from '#shared/contract/contract.ts';
import type { HostAbilities } from './appService.ts';
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

export function filesService(host: HostAbilities): ServiceHandlers<'files'> {
  return {
    places: () => ({ places: places() }),
    list: ({ path }) => listFolder(path),
    createFolder: async ({ parent, name }) => {
      if (name !== basename(name) || /[\\/:*?"<>|]/.test(name) || /^\.+$/.test(name.trim())) {
        throw new StudioError('invalid-argument', 'A folder name must not hold any of \\ / : * ? " < > |.');
      }
      const path = join(await absolute(parent), name);
      await mkdir(path).catch((error: unknown) => { throw fileError(error, 'The folder could not be made'); });
      return { path };
    },
    pick: async ({ kind, title }) => {
      if (host.pick === undefined) throw new StudioError('unsupported', 'This window has no system file dialog; use the folder browser.');
      return { paths: await host.pick(kind, title) };
    },
  };
}

/** Folders first, then files, by name; hidden ones left out. Throws a typed error for what is no readable folder. */
export async function listFolder(folder: string): Promise<{ path: string; parent: string | null; entries: Entry[]; truncated: boolean }> {
  const path = await absolute(folder);
  const entries: Entry[] = [];
  let truncated = false;
  try {
    for await (const { name } of await opendir(path)) {
      if (name.startsWith('.')) continue;
      if (entries.length === maximumEntries) { truncated = true; break; }
      const entry = await describe(join(path, name), name);
      if (entry !== null) entries.push(entry);
    }
  } catch (error) {
    throw fileError(error, 'The folder could not be read');
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
      name, path, kind: folder ? 'folder' : 'file', size: folder ? 0 : state.size, modifiedAt: state.mtime.toISOString(),
      isProject: folder && existsSync(join(path, 'project.json')),
    };
  } catch {
    return null; // gone or not ours to see
  }
}

async function absolute(path: string): Promise<string> {
  return realpath(requireAbsolute(path)).catch((error: unknown) => { throw fileError(error, 'The folder could not be opened'); });
}

function places(): { name: string; path: string }[] {
  const home = homedir();
  const named = [['Home', home], ['Documents', join(home, 'Documents')], ['Desktop', join(home, 'Desktop')], ['Downloads', join(home, 'Downloads')]];
  const roots = process.platform === 'win32'
    ? 'CDEFGHIJKLMNOPQRSTUVWXYZ'.split('').map((letter) => [`${letter}:`, `${letter}:\\`])
    : [['Computer', '/'], ['Media', '/media'], ['Volumes', '/Volumes'], ['Network', '/mnt']];
  return [...named, ...roots].flatMap(([name, path]) => (name !== undefined && path !== undefined && existsSync(path) ? [{ name, path }] : []));
}

function fileError(error: unknown, what: string): StudioError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return new StudioError('not-found', `${what}: it is not there.`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM') return new StudioError('io', `${what}: you do not have the right to.`, { cause: error });
  if (code === 'EEXIST') return new StudioError('conflict', `${what}: there is already one of this name.`, { cause: error });
  if (code === 'ENOSPC') return new StudioError('disk-full', `${what}: the disk is full.`, { cause: error });
  return new StudioError('io', `${what}.`, { detail: code, cause: error });
}
