import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesBelow } from '#main/files/filesBelow.ts';
import { openProject, saveJob, addModel, newId } from '#main/library/index.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';

const step = resolve(import.meta.dirname, '../../support/projectStep.ts');
const killer = pathToFileURL(resolve(import.meta.dirname, '../../support/killAtWrite.ts')).href;

let app: TestStudio;
let ids: readonly string[];
const project = (): string => join(app.folder, 'project');
const incoming = (): string => join(app.folder, 'incoming');

beforeEach(async () => {
  app = startStudio();
  await writePairs(incoming(), 3, 2);
  await app.client.projects.create({ path: project(), name: 'Abdomen', labels: testLabels });
  await app.client.library.import({ sources: [incoming()] });
  ids = (await app.client.library.list({ sort: 'name' })).cases.map(({ id }) => id);
  await app.client.library.update({ caseIds: ids, notes: 'Mrs Example asked for this' });
  const opened = await app.client.document.open({ caseId: ids[0] ?? '' });
  await app.client.document.close({ caseId: ids[0] ?? '', session: opened.session });
  await app.client.exports.run({ format: 'nifti', destination: join(app.folder, 'out'), cases: { kind: 'accepted' } });
});
afterEach(() => app.close());

/** A model that was trained on the first case, one that began from it, and one that only measured with it. */
function addModels(): void {
  const library = openProject(project(), { author: 'test' });
  let parent: string | null = null;
  for (const [name, heldOut, from] of [
    ['First', false, false],
    ['Later', true, true],
    ['Other', true, false],
  ] as const) {
    const [id, jobId] = [newId(), newId()];
    const folder = library.paths.job(jobId);
    for (const inner of ['checkpoint/train/cases', 'out']) mkdirSync(join(folder, inner), { recursive: true });
    writeFileSync(join(folder, 'checkpoint/train/cases/x.case'), 'prepared');
    writeFileSync(
      join(folder, 'job.json'),
      JSON.stringify({
        format: 1,
        id: jobId,
        kind: 'improve',
        config: {
          cases: ids.map((caseId, n) => ({ id: caseId, name: `case${String(n)}`, image: ['x'], mask: null, heldOut: n === 0 && heldOut })),
          current: from ? { modelId: parent, folder: 'x' } : null,
        },
      }),
    );
    writeFileSync(
      join(folder, 'result.json'),
      JSON.stringify({ metrics: ids.map((caseId) => ({ caseId, label: 1 })), skipped: [{ path: 'case0', reason: 'x' }] }),
    );
    writeFileSync(join(folder, 'log.jsonl'), '{"alarm":{"message":"case0: a doubtful mask"}}\n{"alarm":{"message":"case1: fine"}}\n');
    saveJob(library.write, {
      id: jobId,
      kind: 'improve',
      state: 'done',
      priority: 'background',
      title: 'Improve',
      phase: 'Done',
      fraction: 1,
      remainingSeconds: 0,
      createdAt: new Date().toISOString(),
      startedAt: null,
      endedAt: null,
      error: null,
      attempt: 1,
      canResume: false,
      modelId: id,
    });
    addModel(library.write, {
      id,
      name,
      variant: 'small',
      card: { labelSet: { labels: [] } } as never,
      weightsHash: 'x',
      parameters: 1,
      trainingCases: 1,
      dice: null,
      jobId,
    });
    if (name === 'First') parent = id;
  }
  mkdirSync(join(library.paths.folder, 'learned/cases'), { recursive: true });
  writeFileSync(join(library.paths.folder, 'learned/cases/a.case'), 'case0');
  writeFileSync(
    join(library.paths.folder, 'learned/pretrained.json'),
    JSON.stringify({ format: 1, key: 'x', cases: ids, steps: 1, minutes: 1, sentence: '' }),
  );
  library.close();
}

async function mentions(words: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of await filesBelow(project())) {
    const bytes = readFileSync(path);
    for (const word of words) if (bytes.includes(word)) found.push(`${path.slice(project().length)}: ${word}`);
  }
  return found;
}

describe('a case that is removed for good', () => {
  it('is shown first, then leaves nothing but the fact; what others have stays', async () => {
    await app.client.projects.close();
    addModels();
    await app.client.projects.open({ path: project() });
    const [first = '', second = ''] = ids;
    // The problems are written meanwhile: of the jobs above no result can be taken over.
    const files = async () =>
      (await filesBelow(project())).filter((path) => !/library\.sqlite-|project\.lock|problems\.json/.test(path)).sort();
    const before = await files();
    const plan = await app.client.library.planRemoval({ caseIds: [first] });
    expect(plan).toMatchObject({
      cases: [{ caseId: first, name: 'case0' }],
      referencedFiles: 0,
      revisions: 1,
      jobs: 3,
      backbone: true,
      learnedModels: [
        { name: 'Later', inUse: false },
        { name: 'First', inUse: false },
      ],
    });
    expect(plan.copies.files).toBe(1);
    expect(await files()).toEqual(before);
    const kept = readFileSync(join(project(), 'cases', second, 'thumbnail.pgm'));
    const done = await app.client.library.remove({ caseIds: [first] });
    expect(done.learnedModels).toEqual(plan.learnedModels);
    expect((await app.client.library.list({})).cases.map(({ id }) => id)).not.toContain(first);
    await app.client.projects.close();
    // The library and the trail may say that there was such a case, and nothing of it.
    expect(
      (await mentions([first, 'case0'])).filter(
        (each) => !/^\/(library\.sqlite|backups\/library-[^/]+\.sqlite)/.test(each) || each.includes('case0'),
      ),
    ).toEqual([]);
    expect(readdirSync(join(project(), 'backups')).filter((name) => name.endsWith('.sqlite')).length).toBeLessThanOrEqual(2);
    expect(readFileSync(join(project(), 'cases', second, 'thumbnail.pgm'))).toEqual(kept);
    const library = openProject(project(), { author: 'test' });
    const job = readFileSync((await filesBelow(join(project(), 'jobs'))).find((path) => path.endsWith('job.json')) ?? '', 'utf8');
    expect(job).toContain(second);
    expect(library.read.all<{ kind: string }>("SELECT kind FROM event WHERE kind = 'case-removed'")).toHaveLength(1);
    library.close();
    const [table = ''] = readdirSync(join(app.folder, 'data', 'pseudonyms'));
    expect(readFileSync(join(app.folder, 'data', 'pseudonyms', table), 'utf8')).not.toContain('case0');
    // What came from outside is as it was, and may come again.
    expect(existsSync(join(incoming(), 'images', 'case0.nii.gz'))).toBe(true);
    await app.client.projects.open({ path: project() });
    expect((await app.client.library.import({ sources: [incoming()] })).added).toHaveLength(1);
  });

  it('leaves referenced originals alone, also with a second case of the same patient', async () => {
    const referenced = join(app.folder, 'referenced');
    await app.client.projects.create({ path: referenced, name: 'Referenced', labels: testLabels });
    await app.client.library.import({ sources: [incoming()], mode: 'reference' });
    const [{ id = '' } = {}] = (await app.client.library.list({ sort: 'name' })).cases;
    const before = readFileSync(join(incoming(), 'images', 'case0.nii.gz'));
    expect((await app.client.library.remove({ caseIds: [id] })).referencedFiles).toBe(1);
    expect(readFileSync(join(incoming(), 'images', 'case0.nii.gz'))).toEqual(before);
  });

  it('is there wholly or gone wholly after a kill at each write', async () => {
    const [first = ''] = ids;
    await app.client.projects.close();
    const outcomes = new Set<string>();
    for (let at = 1; ; at++) {
      const copy = join(app.folder, `copy${String(at)}`);
      cpSync(project(), copy, { recursive: true });
      const { signal, status, stderr } = spawnSync(
        process.execPath,
        ['--import', killer, step, copy, join(app.folder, 'data'), 'remove', first],
        {
          env: { ...process.env, KILL_AT_WRITE: String(at) },
          encoding: 'utf8',
        },
      );
      if (signal === null) {
        expect([status, stderr]).toEqual([0, '']);
        break;
      }
      await app.client.projects.open({ path: copy });
      const { cases } = await app.client.library.list({ sort: 'name' });
      await app.client.projects.close();
      const folders = readdirSync(join(copy, 'cases')).sort();
      const images = readdirSync(join(copy, 'images')).length;
      if (cases.length === 3) expect([folders, images]).toEqual([[...ids].sort(), 3]);
      else
        expect([cases.map(({ name }) => name), folders, images]).toEqual([
          ['case1', 'case2'],
          [...ids].filter((id) => id !== first).sort(),
          2,
        ]);
      outcomes.add(String(cases.length));
    }
    expect([...outcomes].sort()).toEqual(['2', '3']);
  }, 600_000);
});
