/** What a command writes is planned before its first byte: never over an input, and never over a file that is there unless that was asked for. */
import { lstat, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { unfinishedName, writeFileAtomically } from './atomicFile.ts';
import { filesBelow } from './filesBelow.ts';
import { makeFolder } from './makeFolder.ts';

export interface OutputRules {
  /** Files that are read, and folders with all that lies in them; looked at only where an output is there already. */
  readonly inputs: readonly string[];
  /** Replace files that are there; inputs and folders stay all the same. */
  readonly overwrite: boolean;
}

/**
 * Throws `conflict` where an output would take the place of an input (by device and inode, whatever it is called), of a file that is there, or
 * of another output (equal but for case). Removes what a crash left of the same outputs, unfinished. To be called before anything is written.
 */
export async function claimOutputs(outputs: readonly string[], { inputs, overwrite }: OutputRules): Promise<void> {
  const byName = new Map<string, string>();
  for (const path of outputs) {
    const key = sameName(resolve(path));
    if (byName.has(key))
      throw new StudioError(
        'conflict',
        `${basename(path)} would be written twice, with different content. Give the inputs different names.`,
      );
    byName.set(key, path);
  }
  const there = await existing(outputs);
  if (there.length > 0) {
    const read = await identities(inputs);
    for (const path of there) {
      const input = read.get((await identity(path)) ?? '');
      if (input !== undefined)
        throw new StudioError(
          'conflict',
          `${basename(path)} would be written over ${basename(input)}, which is read. Choose another folder for what is written.`,
          { detail: `${path} is ${input}` },
        );
      if ((await stat(path).catch(() => null))?.isDirectory())
        throw new StudioError(
          'conflict',
          `${basename(path)} is to be written as a file, but there is a folder of this name. Choose another folder.`,
        );
    }
    if (!overwrite) {
      const further = there.length === 1 ? '' : ` (and ${String(there.length - 1)} more)`;
      throw new StudioError(
        'conflict',
        `There is already a file ${basename(there[0] ?? '')}${further} in the destination. Choose another folder, or say that files that are there are replaced.`,
      );
    }
  }
  await removeLeftovers(outputs);
}

/**
 * Takes a folder that a command fills over time and goes on with later: `names` are what it makes there. They are its own where `marker` (or one
 * of `formerMarkers`), made by an earlier run, lies there; else none of them may be there, but for empty folders. Throws `conflict`.
 */
export async function claimFolder(
  folder: string,
  names: readonly string[],
  marker: string,
  formerMarkers: readonly string[] = [],
): Promise<void> {
  const marks = await existing([marker, ...formerMarkers].map((name) => join(folder, name)));
  if (marks.length === 0) {
    const taken = (await existing(names.map((name) => join(folder, name)))).map((path) => basename(path));
    const filled = [];
    for (const name of taken) if (!(await isEmptyFolder(join(folder, name)))) filled.push(name);
    if (filled.length > 0)
      throw new StudioError('conflict', `${folder} already holds ${filled.join(', ')}, which would be replaced. Choose another folder.`);
  }
  makeFolder(dirname(join(folder, marker)));
  await writeFileAtomically(join(folder, marker), '');
}

/**
 * A name for each path, in order: the path's own, with as many of its folders before it as tell it from the others, else with its ending, else
 * with a number. `stemOf` gives a file's name without its ending.
 */
export function distinctNames(paths: readonly string[], stemOf: (path: string) => string): string[] {
  const stems = paths.map((path) => stemOf(path) || 'image');
  const folders = paths.map((path) =>
    dirname(resolve(path))
      .split(/[\\/]/)
      .filter((part) => part !== '' && !part.endsWith(':')),
  );
  const withFolders = Array.from({ length: mostFolders }, (_, depth) => (n: number, group: readonly number[]) => {
    const part = (m: number): string => folders[m]?.slice(-depth - 1).join('_') ?? '';
    // Where all of them lie in one folder, its name would tell nothing.
    return group.every((m) => part(m) === part(n)) ? undefined : `${part(n)}_${stems[n] ?? ''}`;
  });
  const withEnding = (n: number, _: readonly number[], name: string): string =>
    `${name}${basename(paths[n] ?? '')
      .slice(stems[n]?.length)
      .replaceAll('.', '_')}`;
  return toldApart(stems, [...withFolders, withEnding]);
}

const mostFolders = 4;

/** What to call the name at `n` instead, which is equal to those of `group`; undefined: as before. */
type Longer = (n: number, group: readonly number[], name: string) => string | undefined;

/** Names of which no two are equal, also not but for case: those that are take the first of the longer ones that helps, and at last a number. */
export function toldApart(names: readonly string[], longer: readonly Longer[]): string[] {
  const told = [...names];
  for (const each of longer)
    for (const group of clashes(told)) for (const n of group) told[n] = each(n, group, told[n] ?? '') ?? told[n] ?? '';
  const given = new Set(told.map(sameName));
  for (const group of clashes(told))
    for (const n of group.slice(1)) {
      const name = told[n] ?? '';
      let number = 2;
      while (given.has(sameName(`${name}_${String(number)}`))) number++;
      told[n] = `${name}_${String(number)}`;
      given.add(sameName(told[n]));
    }
  return told;
}

/** Places of names that are equal to another's. */
function clashes(names: readonly string[]): number[][] {
  return [...Map.groupBy(names.keys(), (n) => sameName(names[n] ?? '')).values()].filter((group) => group.length > 1);
}

/** Most file systems of desktops take two names that differ in case, or in how an accent is composed, for one. */
function sameName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const there: string[] = [];
  for (const path of paths) if ((await lstat(path).catch(() => null)) !== null) there.push(path);
  return there;
}

/** Device and inode, where links lead; null where nothing is. */
async function identity(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? null : `${String(found.dev)}:${String(found.ino)}`;
}

async function identities(inputs: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const input of inputs) {
    const files = (await stat(input).catch(() => null))?.isDirectory() ? await filesBelow(input) : [input];
    for (const path of files) {
      const key = await identity(path);
      if (key !== null) found.set(key, path);
    }
  }
  return found;
}

async function isEmptyFolder(path: string): Promise<boolean> {
  return readdir(path).then(
    (names) => names.length === 0,
    () => false,
  );
}

async function removeLeftovers(outputs: readonly string[]): Promise<void> {
  const wanted = new Map<string, Set<string>>();
  for (const path of outputs) wanted.set(dirname(path), (wanted.get(dirname(path)) ?? new Set()).add(basename(path)));
  for (const [folder, names] of wanted)
    for (const name of await readdir(folder).catch(() => []))
      if (unfinishedName.test(name) && names.has(name.replace(unfinishedName, '')))
        await rm(join(folder, name), { recursive: true, force: true });
}
