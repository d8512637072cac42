import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { Grid, LabelVolume } from '#shared/geometry/grid.ts';
import { addCase, createProject, type Project } from '#main/library/index.ts';
import { encodeMask } from '#shared/segmentation/index.ts';

export const trustGrid: Grid = { size: [48, 48, 48], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };

/** A project with one case. */
export function trustProject(folder: string): { project: Project; caseId: string } {
  const project = createProject(folder, {
    name: 'Trust',
    author: 'trust',
    labelSet: { labels: [1, 2, 3].map((value) => ({ value, name: `L${value}`, color: '#808080', locked: false })) },
  });
  return { project, caseId: addCase(project.write, { name: 'Case 1' }) };
}

export const maskHash = (volume: LabelVolume): string => createHash('sha256').update(encodeMask(volume)).digest('hex').slice(0, 16);

export interface Said {
  readonly word: string;
  readonly hash: string;
  readonly cases: number;
  readonly at: number;
}

/** Starts the writer, kills it with SIGKILL `delay` ms after its first word, and gives back all that it said. */
export async function writeUntilKilled(
  project: string,
  caseId: string,
  seed: number,
  mode: 'edits' | 'stroke',
  delay: number,
): Promise<{ said: Said[]; killedAt: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/writer.ts'), project, caseId, String(seed), mode], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Said[] = [];
  let complaint = '';
  let killedAt = 0;
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const [word = '', hash = '', cases = '', at = ''] = line.split(' ');
    // In a stroke the clock starts with its first dab.
    const first = mode === 'edits' ? said.length === 0 : word === 'base';
    // A line that the kill cut off says nothing.
    if (at.length === 13) said.push({ word, hash, cases: Number(cases), at: Number(at) });
    if (first) {
      setTimeout(() => {
        killedAt = Date.now();
        child.kill('SIGKILL');
      }, delay);
    }
  });
  await Promise.all([
    new Promise<void>((resolve) =>
      child.on('exit', () => {
        resolve();
      }),
    ),
    new Promise<void>((resolve) =>
      lines.on('close', () => {
        resolve();
      }),
    ),
  ]);
  if (killedAt === 0) throw new Error(`The writer ended by itself: ${complaint}`);
  return { said, killedAt };
}
