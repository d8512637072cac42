import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runReaderStudy, type ReaderStudy } from '#main/lab/readerStudy.ts';
import { listProject } from '#main/project/headlessProject.ts';
import { verifyProject } from '#main/project/verifyProject.ts';
import { phantoms } from '../../support/improve.ts';

let root: string;
let study: ReaderStudy;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'reader-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'data'));
  const cases = await phantoms(root, 9, 7);
  const dataset = join(root, 'dataset.json');
  const near = (path: string): string => `./${basename(path)}`;
  writeFileSync(
    dataset,
    JSON.stringify({
      name: 'phantoms',
      modality: { 0: 'MRI' },
      labels: { 0: 'background', 1: 'kidney', 2: 'stone' },
      training: cases.map(({ image, mask }) => ({ image: near(image), label: near(mask) })),
    }),
  );
  study = {
    dataset,
    outFolder: join(root, 'out'),
    seeds: 1,
    labelled: 2,
    testCases: 2,
    added: 2,
    rounds: 2,
    variant: 'tiny',
    device: 'cpu',
    threads: 1,
    budget: { steps: 6, pretrain: 0 },
  };
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** Runs the study; `stopIn` cancels it as soon as a phase of that name is reported. */
function run(more: Partial<ReaderStudy>, stopIn?: string) {
  const cancellation = { aborted: false };
  const notes: string[] = [];
  /** The report as it stood after each round of this run. */
  const reports: string[] = [];
  const result = runReaderStudy(
    { ...study, ...more },
    {
      cancellation,
      note: (line) => {
        notes.push(line);
        if (line.startsWith('seed')) reports.push(readFileSync(join(root, 'out', 'report.md'), 'utf8'));
      },
      report: ({ phase }) => {
        if (stopIn !== undefined && phase.includes(stopIn)) cancellation.aborted = true;
      },
    },
  );
  return { result, notes, reports };
}

describe('a simulated reader', () => {
  it(
    'labels, improves, promotes what is proposed, corrects what is suggested; resumes where it was stopped',
    { timeout: 900_000 },
    async () => {
      await expect(run({}, 'round 2: improving').result).rejects.toMatchObject({ code: 'cancelled' });
      const { result, notes, reports } = run({});
      const { rounds, summary } = await result;
      expect(rounds.map(({ round, trainingCases }) => [round, trainingCases])).toEqual([
        [1, 2],
        [2, 4],
      ]);
      expect(notes.filter((line) => line.startsWith('seed 0, round'))).toHaveLength(1);
      expect(reports[0]).toMatch(/\n\| 1 \| 1 \|/);
      for (const { corrected, heldOut, verdict } of rounds) {
        expect([corrected.length, heldOut.length]).toEqual([2, 2]);
        expect(verdict.length).toBeGreaterThan(20);
        // A network after a few steps is wrong somewhere, and the truth is counted without it.
        for (const { changed, foreground } of [...corrected, ...heldOut]) expect(changed > 0 && foreground > 100).toBe(true);
      }
      const names = rounds.flatMap(({ corrected }) => corrected.map(({ name }) => name));
      expect(new Set(names).size).toBe(4);
      expect(rounds[0]?.corrected[0]?.reason).toMatch(/unsure/);
      // A model that is not promoted leaves the Dice in use as it was.
      const [first, second] = rounds;
      expect(second?.dice).toBe(second?.promoted === true ? second.newDice : first?.dice);
      expect(summary[1]).toMatchObject({ round: 2, seeds: 1, trainingCases: 4, dice: second?.dice });

      const project = join(root, 'out', 'work', 'seed-0', 'project');
      const listed = listProject(project);
      expect(listed.counts).toMatchObject({ accepted: 8 });
      expect(listed.cases.filter(({ heldOut }) => heldOut)).toHaveLength(2);
      expect(listed.models.map(({ promoted }) => promoted).filter(Boolean)).toHaveLength(1);
      expect((await verifyProject(project, { cancellation: { aborted: false }, report: () => undefined })).faults).toEqual([]);

      const report = readFileSync(join(root, 'out', 'report.md'), 'utf8');
      expect(report).toMatch(/\n\| 1 \| 1 \| 2 \| 0\.\d{4} \| 0\.\d{4} \| 1 of 1 \| \d+ \| \d+\.\d{3} \|/);
      const plot = readFileSync(join(root, 'out', 'plot.svg'), 'utf8');
      expect(plot.match(/<polyline/g)).toHaveLength(4);
      expect(plot).not.toContain('NaN');
    },
  );

  it('refuses other settings in the same folder, and too small a data set', async () => {
    await expect(run({ added: 1 }).result).rejects.toMatchObject({ code: 'conflict' });
    await expect(run({ outFolder: join(root, 'few'), testCases: 8 }).result).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
