import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { importModel } from '#main/project/importModel.ts';
import { openProject } from '#main/library/index.ts';
import { logonet } from '../../support/commandLine.ts';
import { writePairs } from '../../support/studio.ts';
import { writeTinyModel } from '../../support/tinyModel.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-project-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

async function json(args: readonly string[]) {
  const { code, stdout, stderr } = await logonet([...args, '--json']);
  expect(stderr).not.toContain('logonet:');
  return { code, answer: JSON.parse(stdout) as Record<string, never> };
}

it('a project from the command line: create, import, predict, next, export, verify', { timeout: 900_000 }, async () => {
  const project = join(root, 'project');
  await writePairs(join(root, 'data'), 4, 2, [20, 18, 16]);
  await json(['project', 'create', project, '--name', 'Abdomen']);
  expect((await json(['project', 'import', project, join(root, 'data')])).answer).toMatchObject({ masks: 2, duplicates: 0, skipped: [] });
  expect((await logonet(['project', 'labels', project, '--label', '2=Spleen', '--label', '7=Cyst'])).stdout.trim().split('\n')).toEqual([
    '1 Liver',
    '2 Spleen',
    '7 Cyst',
  ]);
  expect((await logonet(['project', 'labels', project, '--label', 'Spleen'])).code).toBe(2);
  // Nothing has been learned: there is a next case all the same, and nothing is ranked without a model.
  expect((await json(['next', project])).answer).toMatchObject({
    suggestion: { rank: null, reason: expect.stringContaining('Next by name') as string },
  });
  const refused = await logonet(['project', 'predict', project]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('There is no model yet')]);
  expect((await json(['improve', project, '--plan'])).answer).toMatchObject({
    plan: { obstacles: [expect.stringContaining('Accept at least 3 cases')] },
  });

  // An hour is waited for without the project; one that has just passed begins at once.
  const justNow = new Date(Date.now() - 120_000).toTimeString().slice(0, 5);
  const planned = await logonet(['improve', project, '--plan', '--at', justNow]);
  expect([planned.stdout, planned.stderr]).toEqual([
    expect.stringContaining('Accept at least 3 cases'),
    expect.stringContaining('Begins at'),
  ]);
  const wrong = await logonet(['improve', project, '--at', '25:00']);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('HH:MM')]);

  await writeTinyModel(join(root, 'model'));
  const opened = openProject(project, { author: 'test' });
  await importModel(opened, join(root, 'model'), { name: 'Tiny' });
  opened.close();
  const { answer: next } = await json(['next', project]);
  expect(next).toMatchObject({ suggestion: { rank: 1, reason: expect.stringMatching(/unsure/) as string } });
  const { answer: predicted } = await json(['project', 'predict', project]);
  expect(predicted).toMatchObject({
    predicted: [{ uncertainty: expect.any(Number) as number }, { uncertainty: expect.any(Number) as number }],
  });
  const { stdout } = await logonet(['project', 'list', project]);
  expect(stdout).toMatch(/Tiny +– +in use/);

  const { code, answer: exported } = await json(['project', 'export', project, '--out', join(root, 'masks')]);
  expect([
    code,
    (exported as { readonly files?: unknown[] }).files?.length,
    readdirSync(join(root, 'masks')).filter((name) => name.endsWith('.nii.gz')).length,
  ]).toEqual([0, 2, 2]);
  const predictions = await json(['project', 'export', project, '--prediction', '--out', join(root, 'predictions')]);
  expect([predictions.code, (predictions.answer as { readonly files?: unknown[] }).files?.length]).toEqual([0, 2]);
  expect((await json(['project', 'verify', project])).answer).toMatchObject({ faults: [] });
});
