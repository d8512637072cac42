/**
 * Paths in JSON files of a folder that may be moved or renamed as a whole. A path inside that folder is written as
 * `{"relativePath": "../../models/x"}`, relative to where the JSON lies and with '/' on every system; any other stays as it is.
 */
import { realpathSync } from 'node:fs';
import nodePath, { type PlatformPath } from 'node:path';

/** JSON with each absolute path inside `home` written relative to `folder`, where the file will lie. `path`: the system's, unless given. */
export function withRelativePaths(value: unknown, folder: string, home: string, path: PlatformPath = nodePath): unknown {
  const names = namesOf(home);
  return mapped(value, (entry) => {
    if (typeof entry !== 'string' || !path.isAbsolute(entry)) return entry;
    const way = names.map((name) => path.relative(name, entry)).find((each) => !path.isAbsolute(each) && each.split(path.sep)[0] !== '..');
    return way === undefined ? entry : { relativePath: path.relative(folder, path.join(home, way)).split(path.sep).join('/') };
  });
}

/** The reverse, wherever `folder` lies by now. */
export function withAbsolutePaths(value: unknown, folder: string, path: PlatformPath = nodePath): unknown {
  return mapped(value, (entry) => {
    const isPath = typeof entry === 'object' && entry !== null && 'relativePath' in entry && typeof entry.relativePath === 'string';
    return isPath ? path.resolve(folder, ...String(entry.relativePath).split('/')) : entry;
  });
}

/** JSON with each path inside the folder `from` (both of any system) leading into the folder `to`. */
export function withMovedPaths(value: unknown, from: string, to: string): unknown {
  return mapped(value, (entry) => {
    const isInside = typeof entry === 'string' && entry.startsWith(from) && /^[\\/]/.test(entry.slice(from.length));
    return isInside ? nodePath.join(to, ...entry.slice(from.length + 1).split(/[\\/]/)) : entry;
  });
}

/** Also what it is called where links are followed: paths come in either way. */
function namesOf(folder: string): string[] {
  try {
    return [folder, realpathSync(folder)];
  } catch {
    return [folder];
  }
}

/** Replaces entries from the outside in; what is replaced is not looked into. */
function mapped(value: unknown, replace: (entry: unknown) => unknown): unknown {
  const replaced = replace(value);
  if (replaced !== value || typeof value !== 'object' || value === null) return replaced;
  if (Array.isArray(value)) return value.map((entry) => mapped(entry, replace));
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, mapped(entry, replace)]));
}
