import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { runImprovementStudy, summariseImprovements, type ImprovementRow, type ImprovementStudy } from '#main/lab/improvementStudy.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'improvements-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true, maxRetries: 20 });
});

it(
  'improves the shipped model in projects of few accepted cases, measures elsewhere, and goes on where it stopped',
  { timeout: 900_000 },
  async () => {
    const outFolder = join(root, 'out');
    const study: ImprovementStudy = {
      outFolder,
      seeds: 1,
      accepted: [1],
      testCases: 1,
      resolution: 8,
      budget: { steps: 2 },
      device: 'cpu',
      threads: 1,
    };
    const notes: string[] = [];
    const caller = { cancellation: neverCancelled, report: ignoreProgress, note: (line: string) => notes.push(line) };
    const nothing = await runImprovementStudy({ ...study, within: 0 }, caller);
    expect([nothing.rows.length, nothing.missing]).toEqual([0, 1]);
    const { rows, summary, missing } = await runImprovementStudy(study, caller);
    expect(missing).toBe(0);
    expect(rows).toMatchObject([
      {
        seed: 0,
        accepted: 1,
        steps: 2,
        verdict: expect.stringMatching(/^Not measured/),
        note: expect.stringMatching(/^recipe standard, new weights count/),
      },
    ]);
    expect(rows[0]?.before).toBeGreaterThan(0.3);
    expect(rows[0]?.differences[0]).toBeCloseTo((rows[0]?.after ?? NaN) - (rows[0]?.before ?? NaN), 9);
    expect(summary).toMatchObject([{ accepted: 1, improvements: 1 }]);
    expect(readFileSync(join(outFolder, 'report.md'), 'utf8')).toMatch(/\| 1 \| 0 \| 0\.\d{4} \| 0\.\d{4} \| [+-]/);
    expect(notes).toHaveLength(1);
    expect((await runImprovementStudy(study, caller)).rows).toEqual(rows);
    expect(notes).toHaveLength(1);
    await expect(runImprovementStudy({ ...study, budget: { steps: 3 } }, caller)).rejects.toMatchObject({ code: 'conflict' });
  },
);

it('counts the improvements that fell by more than is harmless', () => {
  const row = (accepted: number, seed: number, after: number): ImprovementRow => ({
    seed,
    accepted,
    before: 0.9,
    after,
    differences: [],
    steps: 1,
    verdict: '',
    note: '',
  });
  const [two, one] = [summariseImprovements([row(2, 0, 0.95), row(1, 0, 0.896), row(1, 1, 0.894)])].flatMap(([first, second]) => [
    second,
    first,
  ]);
  expect(one).toMatchObject({ accepted: 1, improvements: 2, fell: 1 });
  expect(one?.least).toBeCloseTo(-0.006, 9);
  expect(two).toMatchObject({ accepted: 2, fell: 0 });
});
