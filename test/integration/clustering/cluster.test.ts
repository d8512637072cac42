import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { clusterTask } from '#main/jobs/tasks/cluster.ts';
import { pretrainTask } from '#main/jobs/tasks/pretrain.ts';
import { logonet } from '../../support/commandLine.ts';
import { labelSet, phantoms, runTask, type PhantomCase } from '../../support/improve.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'cluster-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  cases = await phantoms(join(root, 'scans'), 6, 4);
  for (const { mask } of cases) rmSync(mask);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** When each file of a folder was written. */
const written = (folder: string): Map<string, number> =>
  new Map(
    readdirSync(folder)
      .sort()
      .map((name) => [name, statSync(join(folder, name)).mtimeMs]),
  );

const table = (path: string): string[][] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(','));

describe('clustering scans', () => {
  it('gives every slice a label by every clusterer; interrupted, it ends with the same', async () => {
    const config = (name: string) => ({ scans: cases, learnedFolder: join(root, name, 'checkpoint'), clusterers: 3, seed: 5, threads: 1 });
    const whole = await runTask(clusterTask, config('whole'), join(root, 'whole')).result;
    // 6 scans of 15 slices: few slices, so that K is small.
    expect(whole).toMatchObject({ scans: 6, slices: 90, clusterers: 3 });
    expect(whole.sentence).toContain('90 slices of 6 scans: 3 clusterers of 4 to 11 clusters');
    const [header, ...rows] = table(whole.table);
    expect(header).toEqual(['scan', 'slice', 'clusterer 1', 'clusterer 2', 'clusterer 3']);
    expect(rows).toHaveLength(90);
    expect(rows.filter(([scan]) => scan === 'case-004').map(([, slice]) => Number(slice))).toEqual(
      Array.from({ length: 15 }, (_, index) => index),
    );
    for (const column of [2, 3, 4]) expect(new Set(rows.map((row) => row[column])).size).toBeGreaterThan(2);
    for (const stopAfter of [9, 13])
      await expect(runTask(clusterTask, config('broken'), join(root, 'broken'), stopAfter).result).rejects.toMatchObject({
        code: 'cancelled',
      });
    const broken = await runTask(clusterTask, config('broken'), join(root, 'broken')).result;
    expect(table(broken.table)).toEqual(table(whole.table));
    expect(broken.inertia).toEqual(whole.inertia);
    // What was prepared of scans that are gone does not stay.
    const prepared = join(root, 'broken', 'checkpoint', 'cases');
    const before = readdirSync(prepared);
    await runTask(clusterTask, { ...config('broken'), scans: cases.slice(0, 4) }, join(root, 'broken')).result;
    expect([before.length, readdirSync(prepared).filter((name) => before.includes(name))]).toEqual([6, readdirSync(prepared)]);
    expect(readdirSync(prepared)).toHaveLength(4);
  });

  it('is made again where a byte of it was overwritten, or where it has no sums', async () => {
    const folder = join(root, 'harmed', 'checkpoint');
    const run = () =>
      runTask(clusterTask, { scans: cases, learnedFolder: folder, clusterers: 2, seed: 5, threads: 1 }, dirname(folder)).result;
    await run();
    const made = new Map(['pseudo.u16', 'slices.json', 'clusters.json'].map((name) => [name, readFileSync(join(folder, name))]));
    for (const [name, before] of made) {
      const harmed = Buffer.from(before);
      harmed[harmed.length >> 1] = (harmed[harmed.length >> 1] as number) ^ 1;
      writeFileSync(join(folder, name), harmed);
      await run();
      expect([name, readFileSync(join(folder, name)).equals(before)]).toEqual([name, true]);
    }
    const { sums, ...earlier } = JSON.parse(readFileSync(join(folder, 'clusters.json'), 'utf8')) as Record<string, unknown>;
    writeFileSync(join(folder, 'clusters.json'), JSON.stringify({ ...earlier, format: 1 }));
    await run();
    expect(JSON.parse(readFileSync(join(folder, 'clusters.json'), 'utf8'))).toMatchObject({ format: 2, sums });
  });

  it('runs on a folder and on a project, whose held-out cases stay out', { timeout: 900_000 }, async () => {
    const out = join(root, 'labels');
    const folder = await logonet(['cluster', join(root, 'scans'), '--out', out, '--clusterers', '2', '--threads', '1', '--json']);
    expect(folder.code).toBe(0);
    expect(JSON.parse(folder.stdout)).toMatchObject({ scans: 6, slices: 90, clusterers: 2, table: join(out, 'pseudo-labels.csv') });
    const project = join(root, 'project');
    await logonet(['project', 'create', project, '--label', 'Kidney']);
    await logonet(['project', 'import', project, join(root, 'scans')]);
    const own = await logonet(['cluster', project, '--clusterers', '2', '--threads', '1']);
    expect([own.code, own.stdout]).toEqual([0, expect.stringContaining('90 slices of 6 scans: 2 clusterers')]);
    const next = await logonet(['next', project, '--strategy', 'diversity']);
    expect(next.stdout).toContain('It is typical of the scans here');

    const moved = join(root, 'elsewhere', 'moved');
    mkdirSync(dirname(moved));
    renameSync(project, moved);
    const before = ['', 'cases'].map((name) => written(join(moved, 'learned', name)));
    expect((await logonet(['cluster', moved, '--clusterers', '2', '--threads', '1'])).code).toBe(0);
    const after = ['', 'cases'].map((name) => written(join(moved, 'learned', name)));
    expect(after[1]).toEqual(before[1]);
    for (const name of ['slices.f32', 'pseudo.u16', 'clusters.json', 'clusterer-0.f32'])
      expect([name, after[0]?.get(name)]).toEqual([name, before[0]?.get(name)]);

    expect((await logonet(['cluster', moved, '--out', out])).code).toBe(2);
    expect((await logonet(['cluster', join(root, 'scans')])).code).toBe(2);
  });

  it('and its masked pre-training go on in a folder that was moved meanwhile', { timeout: 900_000 }, async () => {
    const config = (name: string) => ({
      scans: cases.map((scan) => ({
        ...scan,
        image: scan.image.replace(join(root, 'scans'), join(root, name, 'scans')),
        contentHash: createHash('sha256').update(scan.id).digest('hex'),
      })),
      learnedFolder: join(root, name, 'learned'),
      labelSet,
      variant: 'tiny',
      spacing: [1, 1, 1],
      intensity: { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 },
      patch: [16, 16, 16],
      batch: 1,
      budget: { steps: 6 },
      clusterers: 2,
      threads: 1,
      seed: 1,
    });
    const run = (name: string, stopAfter?: number) => runTask(pretrainTask, config(name), join(root, name, 'job'), stopAfter);
    const weights = (name: string): Buffer => readFileSync(join(root, name, 'learned', 'model', 'weights.safetensors'));
    for (const name of ['still', 'here']) cpSync(join(root, 'scans'), join(root, name, 'scans'), { recursive: true });
    await run('still').result;
    const stopped = run('here', 17);
    await expect(stopped.result).rejects.toMatchObject({ code: 'cancelled' });
    expect([...stopped.phases].at(-1)).toBe('Pre-training');
    renameSync(join(root, 'here'), join(root, 'there'));
    const resumed = run('there');
    await resumed.result;
    expect(resumed.phases.has('Clustering slices')).toBe(false);
    expect(weights('there').equals(weights('still'))).toBe(true);
  });
});
