import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readMaskFile } from '#main/document/index.ts';
import { everyCase, latestMaskRevision, latestPrediction, openProject, openProjectReadOnly, updateCase } from '#main/library/index.ts';
import { planImprovement } from '#main/project/improvement.ts';
import { logonet } from '../../support/commandLine.ts';
import { makeHandProject } from '../../support/handProject.ts';
import { startStudio } from '../../support/studio.ts';

interface Named {
  readonly name: string;
}
interface Accepted {
  readonly accepted: readonly (Named & { readonly caseId: string; readonly revision: number })[];
  readonly skipped: readonly (Named & { readonly reason: string })[];
}
interface Listing {
  readonly cases: readonly (Named & {
    readonly id: string;
    readonly status: string;
    readonly acceptance: { readonly how: string; readonly by: string } | null;
  })[];
}

let root: string;
let folder: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-accept-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  folder = await makeHandProject(root);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

async function accept(...words: string[]): Promise<Accepted & { readonly code: number | null }> {
  const { code, stdout } = await logonet(['project', 'accept', folder, '--json', ...words]);
  return { code, ...(JSON.parse(stdout) as Accepted) };
}

it('masks are accepted in bulk from the command line, and what is skipped has a reason', { timeout: 300_000 }, async () => {
  const list = async (): Promise<Listing> => JSON.parse((await logonet(['project', 'list', folder, '--json'])).stdout) as Listing;
  const idOf = async (name: string): Promise<string> => (await list()).cases.find((each) => each.name === name)?.id ?? '';
  const id = await idOf('patient 02');

  expect(await accept()).toEqual({
    code: 1,
    accepted: [],
    skipped: [{ caseId: id, name: 'patient 02', reason: expect.stringMatching(/^Its mask is empty, and its prediction has /) as string }],
  });
  expect((await list()).cases.find(({ name }) => name === 'patient 02')).toMatchObject({ status: 'predicted', acceptance: null });

  expect(await accept('--prediction', '--case', id, '--case', await idOf('mirrored'))).toEqual({
    code: 0,
    accepted: [{ caseId: id, name: 'patient 02', revision: 1 }],
    skipped: [{ caseId: await idOf('mirrored'), name: 'mirrored', reason: 'It is accepted already.' }],
  });
  expect((await list()).cases.map(({ name, acceptance }) => [name, acceptance?.how, typeof acceptance?.by])).toEqual([
    ['mirrored', 'imported', 'string'],
    ['patient 01', 'imported', 'string'],
    ['patient 02', 'bulk', 'string'],
  ]);

  const { client, studio } = startStudio(join(root, 'studio'));
  await client.projects.open({ path: folder });
  const { cases } = await client.library.list({});
  expect(cases.filter(({ acceptance }) => acceptance === 'bulk').map(({ name }) => name)).toEqual(['patient 02']);
  await studio.close();

  const project = openProjectReadOnly(folder);
  try {
    const read = async (path = '') => (await readMaskFile(project.paths.inside(path))).data;
    expect(await read(latestMaskRevision(project.read, id)?.path)).toEqual(await read(latestPrediction(project.read, id)?.path));
  } finally {
    project.close();
  }

  // Held out with the two that were imported, it takes no part: neither in training nor in measuring.
  const plan = async (heldOut: boolean): Promise<readonly number[]> => {
    const library = openProject(folder, { author: 'test' });
    try {
      for (const { id: caseId } of everyCase(library.read)) updateCase(library.write, caseId, { heldOut: heldOut || caseId !== id });
      const { trainingCases, validationCases } = await planImprovement(library, { minutes: 5, device: 'cpu', memoryBytes: 0 });
      return [trainingCases, validationCases];
    } finally {
      library.close();
    }
  };
  expect([await plan(false), await plan(true)]).toEqual([
    [1, 2],
    [0, 2],
  ]);

  expect((await accept()).code).toBe(1);
  expect((await logonet(['project', 'accept', folder, '--case', 'nobody'])).stderr).toMatch(/not in the project/);
});
