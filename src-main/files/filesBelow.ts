import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** All that lies below a folder and is no folder, links included; links to folders are not entered, so that they may lead in circles. */
export async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else files.push(path);
  }
  return files;
}
