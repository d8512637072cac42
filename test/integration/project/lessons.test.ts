import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { lessonOf } from '#shared/prompts/lesson.ts';
import { teachPrompts } from '#main/jobs/tasks/teachPrompts.ts';
import { addVersion, versionFolder } from '#main/project/pointing/versions.ts';
import { lessonsOf } from '#main/project/pointing/lessons.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { gridOf, phantom } from '../../unit/prompts/phantom.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-lessons-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const grid = gridOf([40, 30, 26], [1, 1, 1]);
/** One half of a ball, whose end nobody sees; and dust, which nothing can be learned of. */
async function caseOf(seed: number) {
  const centre = [19 + (seed % 3), 15, 13] as const;
  const ball = { centre, radii: [11, 8, 8], value: 190 } as const;
  const { image, truth } = phantom(grid, [ball], seed);
  const mask = truth(ball).map((value, at) => (value === 1 && at % 40 <= centre[0] ? 1 : (at * 7919) % 13 === 0 ? 2 : 0));
  const name = `case${String(seed)}`;
  const [file, labels] = [join(root, `${name}.nii`), join(root, `${name}.mask.nii`)];
  await writeVolume(file, image);
  await writeVolume(labels, { grid, data: mask });
  return { name, image: file, labels };
}

it('accepted cases teach what helps on held-out ones, once, and the project knows that alone', { timeout: 600_000 }, async () => {
  const cases = [];
  for (let seed = 1; seed <= 6; seed++) cases.push(await caseOf(seed));
  const said: string[] = [];
  const project = { paths: { folder: join(root, 'project') } } as never;
  const outFolder = versionFolder(project, 'first');
  mkdirSync(outFolder, { recursive: true });
  const context = {
    outFolder,
    cancellation: neverCancelled,
    alarm: (_: string, message: string) => void said.push(message),
    report: () => undefined,
    turn: () => Promise.resolve(),
  };
  const masks = {
    structures: [
      { name: 'Half', values: [1] },
      { name: 'Dust', values: [2] },
    ],
  };
  const teaching = { training: cases.slice(0, 4), heldOut: cases.slice(4), masks, seed: 0 };
  const compared = await teachPrompts(teaching, context);
  const half = compared.find(({ label }) => label === 'Half');
  expect([compared.length, half?.structures, (half?.withIt ?? 0) > (half?.without ?? 1)]).toEqual([2, 2, true]);
  expect(said).toEqual([expect.stringMatching(/Half \(\.\d\d → \.\d\d\)/)]);
  expect(await teachPrompts({ ...teaching, training: [] }, context)).toEqual(compared);

  expect(lessonsOf(project)).toEqual([]);
  const version = {
    id: 'first',
    createdAt: '',
    jobId: 'first',
    trainingCases: 4,
    structures: 8,
    steps: 1,
    weightsHash: '',
    measured: null,
  };
  await addVersion(project, { ...version, lessons: compared });
  const helping = compared.filter(({ withIt, without }) => withIt > without);
  const known = lessonsOf(project);
  expect(known.map(({ label, first }) => [label, first])).toEqual(helping.map(({ label, first }) => [label, first]));
  for (const { values } of known) expect(lessonOf(new Float32Array(values.buffer))).not.toBeNull();

  const other = join(root, 'alone');
  mkdirSync(other);
  expect(await teachPrompts({ ...teaching, heldOut: [] }, { ...context, outFolder: other })).toEqual([]);
});
