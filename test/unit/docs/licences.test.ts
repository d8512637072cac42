import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const allowed = /^(MIT|BSD-[23]-Clause|Apache-2\.0|ISC|MPL-2\.0|Zlib|CC0-1\.0|Unlicense|BlueOak-1\.0\.0|0BSD)$/;

/** Whether an SPDX expression permits what the allowed licences do. */
function isAllowed(expression: string): boolean {
  const bare = expression.replace(/^\(|\)$/g, '');
  if (bare.includes(' OR ')) return bare.split(' OR ').some(isAllowed);
  return bare.split(' AND ').every((each) => allowed.test(each));
}

it('every licence is one of those that are taken, or has a line that says why', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { license?: string }>;
  };
  const others = Object.entries(packages)
    .filter(([place, { license }]) => place !== '' && !isAllowed(license ?? ''))
    .map(([place]) => place.split('node_modules/').at(-1) ?? '');
  const page = readFileSync(join(root, 'docs/explanation/dependencies.md'), 'utf8').split('## Licences')[1] ?? '';
  const explained = [...page.matchAll(/^\| ([^ |]+) \|/gm)].map(([, name = '']) => name).filter((name) => name !== 'package');
  expect([...new Set(others)].sort()).toEqual(explained.sort());
});
