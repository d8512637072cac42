/** Who is who in exports that leave out names: a table for each project in the application's folder, which no export ever carries. */
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportOutcome, ExportRequest } from './exportCases.ts';
import { anonymousName } from '#main/export/anonymousName.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { csvLine } from '#main/files/csv.ts';
import { getCase, type Project } from '#main/library/index.ts';

const head = ['pseudonym', 'case', 'case id', 'project', 'first exported', 'last exported', 'last exported to'];

/** Where the table of a project lies on this computer. */
export function pseudonymFile(dataFolder: string, project: Pick<Project, 'info'>): string {
  return join(dataFolder, 'pseudonyms', `${project.info.id}.csv`);
}

/** Adds exported cases to the table, or notes that they were exported again; only this person may read it. Resolves with its path. Throws `disk-full`, `io`. */
async function notePseudonyms(dataFolder: string, project: Project, caseIds: readonly string[], destination: string): Promise<string> {
  const path = pseudonymFile(dataFolder, project);
  const rows = await readRows(path);
  const at = new Date().toISOString();
  for (const id of caseIds) {
    const pseudonym = anonymousName(id);
    const first = rows.get(pseudonym)?.[4] ?? at;
    rows.set(pseudonym, [
      pseudonym,
      getCase(project.read, id).name.replace(/[\r\n]+/g, ' '),
      id,
      project.info.name,
      first,
      at,
      destination,
    ]);
  }
  await write(path, rows);
  return path;
}

/** After an export that left out names: notes the cases of which something was written. Resolves with the table's path; null where nothing was. */
export async function keepPseudonyms(
  dataFolder: string,
  project: Project,
  { deidentify, caseIds, destination }: Pick<ExportRequest, 'deidentify' | 'caseIds' | 'destination'>,
  { files, failures }: ExportOutcome,
): Promise<string | null> {
  const failed = new Set(failures.map(({ caseId }) => caseId));
  const written = caseIds.filter((id) => !failed.has(id));
  return !deidentify || files.length === 0 || written.length === 0 ? null : notePseudonyms(dataFolder, project, written, destination);
}

/** Takes removed cases out of the table. */
export async function forgetPseudonyms(dataFolder: string, project: Project, caseIds: readonly string[]): Promise<void> {
  const path = pseudonymFile(dataFolder, project);
  const rows = await readRows(path);
  const before = rows.size;
  for (const id of caseIds) rows.delete(anonymousName(id));
  if (rows.size < before) await write(path, rows);
}

async function write(path: string, rows: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, `${[head, ...rows.values()].map(csvLine).join('\n')}\n`, (temporary) => chmod(temporary, 0o600));
}

async function readRows(path: string): Promise<Map<string, string[]>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const rows = text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map(cellsOf);
  return new Map(rows.map((cells) => [cells[0] ?? '', cells]));
}

/** The cells of a line as `csvLine` writes them; names hold no line ends here. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = '']) =>
    quoted === undefined ? plain : quoted.replaceAll('""', '"'),
  );
}
