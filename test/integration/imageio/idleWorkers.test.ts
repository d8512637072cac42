import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, expect, it } from 'vitest';
import { readImage } from '#main/imageio/readImage.ts';
import { mutantSeeds } from '../../support/mutants.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-idle-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('decoders that are not needed any more end by their own hand, whatever they decoded', async () => {
  const exits: Promise<number>[] = [];
  const started = (worker: Worker): void => {
    exits.push(new Promise((resolve) => worker.once('exit', resolve)));
  };
  process.on('worker', started);
  try {
    // Six at a time: two more than are kept idle. Those of RLE load the codecs.
    const seeds = mutantSeeds.filter(({ name }) => ['NIfTI-1', 'NIfTI-1 gzipped', 'DICOM compressed (RLE)'].includes(name));
    const paths = await Promise.all(
      [...seeds, ...seeds].map(async (seed, index) => {
        const path = join(folder, `image${index}${seed.extension}`);
        writeFileSync(path, await seed.bytes());
        return path;
      }),
    );
    await Promise.all(paths.map((path) => readImage(path).catch(() => undefined)));
  } finally {
    process.off('worker', started);
  }
  expect(exits).toHaveLength(6);
  // A worker that is terminated exits with 1.
  expect(await Promise.all(exits)).toEqual([0, 0, 0, 0, 0, 0]);
});
