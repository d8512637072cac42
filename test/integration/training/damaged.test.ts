import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { pretrainTask } from '#main/jobs/tasks/pretrain.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { labelSet, phantoms, runTask, type PhantomCase, type RunningTask } from '../../support/improve.ts';

/** How many damaged folders are tried of each kind: `npm run sanitize` tries more. */
const trials = Number(process.env['LOGONET_DAMAGED_TRIALS'] ?? 2);

const root = mkdtempSync(join(tmpdir(), 'damaged-'));
let cases: PhantomCase[];
beforeAll(async () => {
  cases = await phantoms(join(root, 'scans'), 4, 9);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const common = { variant: 'tiny', patch: [16, 16, 16], batch: 1, budget: { steps: 10 }, threads: 1, seed: 3 };

const supervised = (folder: string, stopAfter?: number): RunningTask<unknown> =>
  runTask(
    trainTask,
    {
      ...common,
      cases: cases.map(({ name, image, mask }) => ({ name, image, labels: mask })),
      labelSet,
      modality: 'MR',
      checkpointSeconds: 0,
      validateEvery: 2,
    },
    folder,
    stopAfter,
  );
const pretraining = (folder: string, stopAfter?: number): RunningTask<unknown> =>
  runTask(
    pretrainTask,
    {
      ...common,
      scans: cases.map(({ id, name, image }) => ({ id, name, image })),
      learnedFolder: join(folder, 'learned'),
      labelSet,
      spacing: [1, 1, 1],
      intensity: { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 },
      clusterers: 2,
    },
    folder,
    stopAfter,
  );

/** Paths of files below a folder. */
const filesOf = (folder: string, ending: RegExp): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .sort();

function flip(path: string, random: Random): void {
  const bytes = readFileSync(path);
  for (let flips = 1 + random.integer(8); flips > 0; flips--) {
    const at = random.integer(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8));
  }
  writeFileSync(path, bytes);
}

/** Stops a training half way, and resumes five steps of it after each damage; the weights must be those of the whole run. */
function describeDamage(
  name: string,
  run: (folder: string, stopAfter?: number) => RunningTask<unknown>,
  { stopAfter, weights, files }: { readonly stopAfter: number; readonly weights: string; readonly files: Readonly<Record<string, RegExp>> },
): void {
  describe(`${name}, resumed after bits were flipped`, () => {
    const folder = join(root, name);
    let expected: Buffer;
    beforeAll(async () => {
      await run(join(folder, 'whole')).result;
      expected = readFileSync(join(folder, 'whole', weights));
      const stopped = run(join(folder, 'stopped'), stopAfter);
      await expect(stopped.result).rejects.toMatchObject({ code: 'cancelled' });
    });

    for (const [kind, ending] of Object.entries(files)) {
      it(`in ${kind}: prepared again, or refused in a sentence`, async () => {
        const random = new Random(kind.length);
        for (let trial = 0; trial < trials; trial++) {
          const copy = join(folder, 'trial');
          rmSync(copy, { recursive: true, force: true });
          cpSync(join(folder, 'stopped'), copy, { recursive: true });
          const found = filesOf(copy, ending);
          expect(found.length).toBeGreaterThan(0);
          flip(join(copy, found[random.integer(found.length)] ?? ''), random);
          const error: unknown = await run(copy).result.then(
            () => undefined,
            (caught: unknown) => caught,
          );
          if (error === undefined) expect(readFileSync(join(copy, weights)).equals(expected)).toBe(true);
          else expect(error).toMatchObject({ name: 'StudioError', code: 'corrupt', message: expect.stringMatching(/^[A-Z].*\.$/) });
        }
      });
    }
  });
}

describeDamage('training', supervised, {
  stopAfter: 14,
  weights: join('out', 'weights.safetensors'),
  files: { 'a prepared case': /\.case$/, 'its checkpoint': /checkpoint\.safetensors$/, 'its best weights': /best\.safetensors$/ },
});
describeDamage('pre-training', pretraining, {
  stopAfter: 17,
  weights: join('learned', 'model', 'weights.safetensors'),
  files: {
    'a prepared scan': /\.case$/,
    'the pseudo-labels': /pseudo\.u16$/,
    'the clustering': /clusters\.json$/,
    'its checkpoint': /pretrain\.safetensors$/,
  },
});
