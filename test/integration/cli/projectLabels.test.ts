import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { logonet } from '../../support/commandLine.ts';
import { writePairs } from '../../support/studio.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-labels-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

it('labels are removed and brought back from the command line', { timeout: 300_000 }, async () => {
  const project = join(root, 'project');
  const labels = async (...args: string[]): Promise<unknown[]> => {
    const { code, stdout, stderr } = await logonet(['project', 'labels', project, ...args]);
    return [
      code,
      ...stdout.trim().split('\n'),
      ...stderr
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('logonet:')),
    ].filter((line) => line !== '');
  };
  await writePairs(join(root, 'data'), 1, 1);
  expect((await logonet(['project', 'create', project, '--name', 'Abdomen', '--label', 'Liver', '--label', 'Cyst'])).code).toBe(0);
  expect((await logonet(['project', 'import', project, join(root, 'data')])).code).toBe(0);
  expect(await labels('--remove', 'Liver')).toEqual([
    1,
    expect.stringContaining('“Liver” cannot be removed: the mask of 1 case still holds it (case0).'),
  ]);
  expect(await labels('--remove', 'Cyst')).toEqual([0, '1 Liver', '2 Cyst (removed)']);
  expect(await labels('--label', '2=Stone')).toEqual([1, expect.stringContaining('Take another value, such as 3, for “Stone”.')]);
  expect(await labels('--remove', 'Kidney')).toEqual([1, 'logonet: There is no label “Kidney” here, only 1 Liver.']);
  expect(await labels('--restore', '2')).toEqual([0, '1 Liver', '2 Cyst']);
});
