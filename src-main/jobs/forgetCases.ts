/** Takes what jobs' folders say of cases that are removed for good. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { checkpointFolder, outFolder } from './jobFolder.ts';
import { handedOver, INPUT } from './submit/submission.ts';

export interface Forgotten {
  /** Identifiers, which stand in configurations and results. */
  readonly ids: readonly string[];
  /** What messages may call the cases. */
  readonly names: readonly string[];
}

/** Whether a job's configuration names one of the cases. */
export async function jobMentions(folder: string, ids: readonly string[]): Promise<boolean> {
  const text = await readFile(join(folder, 'job.json'), 'utf8').catch(() => '');
  return ids.some((id) => text.includes(id));
}

/**
 * Removes every entry about the cases from a job's files, and what it has prepared of them: its checkpoint and what lies in `out`. May be
 * repeated; changes nothing in folders of other jobs.
 */
export async function forgetInJob(folder: string, forgotten: Forgotten): Promise<void> {
  if (!existsSync(join(folder, 'job.json'))) return;
  const about = mentions(forgotten);
  if (await jobMentions(folder, forgotten.ids)) {
    const place = handedOver(folder);
    const packed = [join(folder, INPUT), ...(place === folder ? [] : [place])];
    for (const inner of packed) await rm(inner, { recursive: true, force: true });
    for (const inner of [checkpointFolder(folder), outFolder(folder)]) {
      await rm(inner, { recursive: true, force: true });
      await mkdir(inner, { recursive: true });
    }
  }
  for (const name of ['result.json', 'job.json']) {
    const path = join(folder, name);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined || !about(text)) continue;
    await writeFileAtomically(path, JSON.stringify(without(JSON.parse(text), about), null, name === 'job.json' ? 2 : undefined));
  }
  const log = join(folder, 'log.jsonl');
  const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n');
  const left = lines.filter((line) => !about(line));
  if (left.length < lines.length) await writeFileAtomically(log, left.join('\n'));
}

/** Folders of jobs below `folder`. */
export async function jobFolders(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
}

function mentions({ ids, names }: Forgotten): (text: string) => boolean {
  // A name counts where it stands for itself: “1” is not every text with a 1 in it.
  const words = names
    .filter((name) => name.trim() !== '')
    .map((name) => new RegExp(`(?<![\\p{L}\\p{N}])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'u'));
  return (text) => ids.some((id) => text.includes(id)) || words.some((word) => word.test(text));
}

/** The value without list entries, and without properties, that are about the cases. */
function without(value: unknown, about: (text: string) => boolean): unknown {
  if (Array.isArray(value)) return value.filter((each) => !tells(each, about)).map((each) => without(each, about));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, each]) => !about(key) && !(typeof each === 'string' && about(each)))
      .map(([key, each]) => [key, without(each, about)]),
  );
}

/** Whether a list's entry is about the cases itself, not only something inside it. */
function tells(value: unknown, about: (text: string) => boolean): boolean {
  if (typeof value === 'string') return about(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).some((each) => typeof each === 'string' && about(each));
}
