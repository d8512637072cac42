import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { lessonOf } from '#shared/prompts/lesson.ts';
import { openProject } from '#main/library/index.ts';
import { versionFolder } from '#main/project/pointing/versions.ts';
import { promptNetwork } from '#main/project/promptNetwork.ts';
import { logonet } from '../../support/commandLine.ts';
import { writePromptNetwork } from '../../support/promptNetwork.ts';
import { startStudio, testLabels, writePairs } from '../../support/studio.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-pointing-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

interface Improved {
  readonly jobId: string;
  readonly trainingCases: number;
  readonly inUse: boolean;
  readonly verdict: string;
  readonly measured: { readonly cases: number; readonly structures: number; readonly before: number; readonly after: number } | null;
}

it(
  "a project's own prompt network: learned, measured, in use only where it needs fewer clicks, and taken back",
  { timeout: 900_000 },
  async () => {
    const project = join(root, 'project');
    const improve = ['prompts', 'improve', project, '--steps', '2', '--threads', '1'];
    const improved = async (...more: readonly string[]): Promise<Improved> => {
      const { stdout, stderr, code } = await logonet([...improve, ...more, '--json']);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining('logonet:')]);
      return JSON.parse(stdout) as Improved;
    };
    const asked = async (): Promise<string | undefined> => {
      const opened = openProject(project, { author: 'test' });
      const network = await promptNetwork(join(root, 'app'), opened);
      opened.close();
      return network?.folder;
    };
    await writePairs(join(root, 'data'), 2, 2, [20, 18, 16]);
    await logonet(['project', 'create', project, '--name', 'Abdomen']);
    expect((await logonet(improve)).stderr).toMatch(/no accepted case to learn pointing from/);
    const own = join(root, 'app', 'prompts');
    mkdirSync(own, { recursive: true });
    await writePromptNetwork(own);
    await logonet(['project', 'import', project, join(root, 'data')]);
    const unmeasured = await improved();
    expect(unmeasured).toMatchObject({
      trainingCases: 2,
      measured: null,
      inUse: false,
      verdict: expect.stringMatching(/not measured/) as string,
    });
    expect(await asked()).toBe(own);
    expect((await logonet(['prompts', 'improve', project, '--back'])).stderr).toMatch(/nothing to go back to/);

    const forced = await improved('--force');
    expect(forced.inUse).toBe(true);
    const place = versionFolder({ paths: { folder: project } as never }, forced.jobId);
    expect(await asked()).toBe(place);
    const { history } = JSON.parse(readFileSync(join(place, 'model.json'), 'utf8')) as { history: { note: string }[] };
    expect(history.at(-1)?.note).toMatch(/of 2 of 2 accepted cases/);

    await writePairs(join(root, 'more'), 6, 6, [20, 18, 16]);
    await logonet(['project', 'import', project, join(root, 'more')]);
    const measured = await improved();
    expect(measured.measured).toMatchObject({ cases: 1 });
    const { before, after } = measured.measured ?? { before: 0, after: 0 };
    expect([before >= 1, after <= 11, measured.inUse]).toEqual([true, true, after < before]);
    expect(await asked()).toBe(after < before ? versionFolder({ paths: { folder: project } as never }, measured.jobId) : place);

    for (let n = 0; n < (after < before ? 2 : 1); n++) expect((await logonet(['prompts', 'improve', project, '--back'])).code).toBe(0);
    expect(await asked()).toBe(own);
    expect(existsSync(place)).toBe(true);
  },
);

/** What accepted cases taught lies beside the network, and what helped on held-out cases is known to whoever points in the project. */
async function knowsWhatHelps(project: string, jobId: string): Promise<void> {
  const place = versionFolder({ paths: { folder: project } as never }, jobId);
  const { lessons } = JSON.parse(readFileSync(join(place, 'lessons.json'), 'utf8')) as { lessons: StoredLesson[] };
  expect(lessons.map(({ label }) => label).sort()).toEqual(testLabels.map(({ name }) => name).sort());
  for (const { values } of lessons) expect(lessonOf(Float32Array.from(values))).not.toBeNull();
  const helping = lessons.filter(({ measured }) => measured !== null && measured.withIt > measured.without);
  expect(lessons.some(({ measured }) => measured !== null)).toBe(true);
  const app = startStudio();
  await app.client.projects.open({ path: project });
  const known = (await app.client.prompts.lessons()).lessons;
  const { knows } = await app.client.prompts.versions();
  await app.close();
  expect(known.map(({ label, first }) => [label, first])).toEqual(helping.map(({ label, measured }) => [label, measured?.first]));
  expect(knows).toEqual(helping.map(({ label }) => label));
}

interface StoredLesson {
  readonly label: string;
  readonly measured: { readonly without: number; readonly withIt: number; readonly first: number } | null;
  readonly values: readonly number[];
}

it(
  'without any network one begins with the accepted cases, and is measured against the classifier of the case',
  { timeout: 900_000 },
  async () => {
    const project = join(root, 'fresh');
    vi.stubEnv('LOGONET_DATA', join(root, 'other'));
    await writePairs(join(root, 'eight'), 8, 8, [20, 18, 16]);
    await logonet(['project', 'create', project, '--name', 'Abdomen']);
    await logonet(['project', 'import', project, join(root, 'eight')]);
    const { stdout, code } = await logonet(['prompts', 'improve', project, '--steps', '2', '--threads', '1', '--json']);
    expect(code).toBe(0);
    const { measured, inUse, jobId } = JSON.parse(stdout) as Improved;
    expect(measured?.cases).toBeGreaterThan(0);
    const { before, after } = measured ?? { before: 0, after: 0 };
    // Two steps teach it little: the classifier stays what answers.
    expect([before <= 11, after <= 11, inUse]).toEqual([true, true, after < before]);
    const opened = openProject(project, { author: 'test' });
    expect((await promptNetwork(join(root, 'other'), opened))?.from ?? null).toBe(after < before ? 'project' : null);
    opened.close();
    await knowsWhatHelps(project, jobId);
    const card = JSON.parse(readFileSync(join(versionFolder({ paths: { folder: project } as never }, jobId), 'model.json'), 'utf8')) as {
      history: unknown[];
    };
    expect(card.history).toHaveLength(1);
  },
);
