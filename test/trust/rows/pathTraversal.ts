import { existsSync, mkdirSync, realpathSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { Random } from '#shared/base/random.ts';
import { ProjectPaths } from '#main/library/index.ts';
import type { TrustRow } from '../row.ts';

const pieces = [
  '..',
  '.',
  '',
  'images',
  'link',
  'dangling',
  'loop',
  'a',
  'ü',
  'C:',
  'c:',
  '\\',
  '\\\\server\\share',
  '..\\..',
  '\0',
  '%2e%2e',
  '~',
  'CON',
  '...',
  ' ',
  '*',
];

function hostile(random: Random, outside: string): string {
  if (random.integer(12) === 0) return outside;
  const parts = Array.from({ length: 1 + random.integer(5) }, () => pieces[random.integer(pieces.length)] as string);
  return (random.integer(6) === 0 ? '/' : '') + parts.join(random.integer(8) === 0 ? '\\' : '/');
}

export const row: TrustRow = {
  name: 'path-traversal',
  property: 'no path that a project names leads outside its folder',
  count: 20_000,
  short: 1500,
  async run({ count, random, folder }) {
    const [root, outside] = [join(folder, 'project'), join(folder, 'outside')];
    for (const path of [join(root, 'images'), outside]) mkdirSync(path, { recursive: true });
    symlinkSync(outside, join(root, 'link'));
    symlinkSync(join(outside, 'new'), join(root, 'dangling'));
    symlinkSync('loop', join(root, 'loop'));
    const paths = new ProjectPaths(root);
    const real = realpathSync(root);
    const failures: string[] = [];
    let accepted = 0;
    for (let trial = 0; trial < count; trial++) {
      const path = hostile(random, join(outside, 'x'));
      try {
        const target = paths.inside(path);
        accepted++;
        if (!existsSync(target)) {
          mkdirSync(dirname(target), { recursive: true });
          writeFileSync(target, 'x');
        }
        if (!realpathSync(target).startsWith(real)) failures.push(`trial ${trial}: ${JSON.stringify(path)} led to ${target}`);
      } catch (error) {
        const harmless = error instanceof Error && 'code' in error && ['ENOTDIR', 'EEXIST', 'EISDIR'].includes(String(error.code));
        if (!(error instanceof StudioError) && !harmless) failures.push(`trial ${trial}: ${JSON.stringify(path)}: ${String(error)}`);
      }
    }
    if (readdirSync(outside).length > 0 || readdirSync(folder).length !== 2)
      failures.push(`files outside: ${readdirSync(outside).join(', ')}`);
    return Promise.resolve({ tried: count, failures, counts: { 'led inside': accepted, refused: count - accepted } });
  },
};
