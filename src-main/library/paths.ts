import { lstatSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { idPattern } from '#shared/domain/ids.ts';
import { projectAway } from '#main/files/makeFolder.ts';

function refused(path: string): StudioError {
  return new StudioError(
    'invalid-argument',
    'This project names a file outside its own folder. It may have been tampered with; the file was not touched.',
    { detail: JSON.stringify(path) },
  );
}

/**
 * The absolute path of `path` (relative, with '/') inside `folder`. Throws `invalid-argument` for whatever leads elsewhere: '..',
 * absolute, drive and UNC paths, NUL, and symbolic links that leave the folder. Throws `not-found` where the folder itself is away.
 */
export function resolveInside(folder: string, path: string): string {
  if (path === '' || path.includes('\0') || path.includes('\\') || isAbsolute(path) || /^[A-Za-z]:/.test(path)) throw refused(path);
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) throw refused(path);
  const root = realPath(resolve(folder));
  if (root === null) throw projectAway(folder);
  const target = join(root, ...path.split('/'));
  let existing = target;
  // lstat, because a link that leads to nothing yet would lead a new file outside.
  while (existing !== root && !isThere(existing)) existing = dirname(existing);
  if (!isWithin(root, realPath(existing) ?? '')) throw refused(path);
  return target;
}

/** False also below what is no folder, or a link that goes in circles: there, the parent decides. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function isWithin(root: string, path: string): boolean {
  if (path === '') return false;
  const way = relative(root, path);
  return way === '' || (!isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`));
}

/** How a path inside the project is written down: relative, with '/'. Throws `invalid-argument` for one outside. */
export function relativeInside(folder: string, path: string): string {
  const way = relative(resolve(folder), resolve(path)).split(sep).join('/');
  resolveInside(folder, way);
  return way;
}

/** Where things lie in a project folder. All paths absolute. */
export class ProjectPaths {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  get info(): string {
    return join(this.folder, 'project.json');
  }
  get database(): string {
    return join(this.folder, 'library.sqlite');
  }
  get checksum(): string {
    return join(this.folder, 'library.sha256');
  }
  get lock(): string {
    return join(this.folder, 'project.lock');
  }
  get backups(): string {
    return join(this.folder, 'backups');
  }
  get damaged(): string {
    return join(this.folder, 'damaged');
  }
  get images(): string {
    return join(this.folder, 'images');
  }
  get exports(): string {
    return join(this.folder, 'exports');
  }

  /** Mask document, predictions and accepted revisions of a case. */
  case(id: string): string {
    return join(this.folder, 'cases', checkedId(id));
  }
  model(id: string): string {
    return join(this.folder, 'models', checkedId(id));
  }
  job(id: string): string {
    return join(this.folder, 'jobs', checkedId(id));
  }

  /** Whether a path, also one that is not there yet, lies in this folder, or is it; links are followed. */
  holds(path: string): boolean {
    let existing = resolve(path);
    while (dirname(existing) !== existing && !isThere(existing)) existing = dirname(existing);
    return isWithin(realPath(this.folder) ?? this.folder, realPath(existing) ?? existing);
  }

  /** `resolveInside` this folder. */
  inside(path: string): string {
    return resolveInside(this.folder, path);
  }
  relative(path: string): string {
    return relativeInside(this.folder, path);
  }
}

function checkedId(id: string): string {
  if (!idPattern.test(id)) throw new StudioError('invalid-argument', 'This identifier is not valid.', { detail: JSON.stringify(id) });
  return id;
}
