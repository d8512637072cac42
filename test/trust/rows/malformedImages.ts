import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { mutantSeeds, mutateFile } from '../../support/mutants.ts';
import type { TrustRow } from '../row.ts';

const limitMicroseconds = 5e6,
  limitBytes = 500e6;
/** Of a hang, on a machine that is busy with other things. */
const hangMs = 60_000;

export const row: TrustRow = {
  name: 'malformed-images',
  property: 'every damaged NIfTI, NRRD, MetaImage and DICOM file gives a sentence or a whole volume, under 5 s and 500 MB',
  count: 6000,
  short: 110,
  part: 1000,
  async run({ count, random, folder }) {
    const failures: string[] = [];
    const outcomes: Record<string, number> = {};
    const seeds = await Promise.all(mutantSeeds.map(async (seed) => ({ ...seed, content: await seed.bytes() })));
    const before = process.memoryUsage().rss;
    let peak = 0;
    for (let trial = 0; trial < count; trial++) {
      const { name, extension, content } = seeds[trial % seeds.length]!;
      const path = join(folder, `mutant${extension}`);
      writeFileSync(path, mutateFile(content, random));
      const what = `trial ${trial} (${name})`;
      const start = process.cpuUsage();
      try {
        const { volume } = await (random.next() < 0.5 ? readImage : readLabels)(path, { timeoutMs: hangMs });
        if (volume.data.length !== voxelCount(volume.grid) || !volume.grid.affine.every(Number.isFinite))
          failures.push(`${what}: a volume that is not whole`);
        outcomes['read'] = (outcomes['read'] ?? 0) + 1;
      } catch (error) {
        const isSentence =
          error instanceof StudioError &&
          ['invalid-file', 'unsupported'].includes(error.code) &&
          error.message.startsWith('mutant') &&
          !/within \d+ s|decoding it failed/.test(error.message);
        if (!isSentence)
          failures.push(
            `${what}: ${error instanceof StudioError ? `${error.code} ${error.message} ${error.detail ?? ''}` : String(error)}`,
          );
        else outcomes[error.code] = (outcomes[error.code] ?? 0) + 1;
      }
      const { user, system } = process.cpuUsage(start);
      if (user + system > limitMicroseconds) failures.push(`${what}: took ${Math.round((user + system) / 1000)} ms of processor time`);
      peak = Math.max(peak, process.memoryUsage().rss - before);
    }
    if (peak > limitBytes) failures.push(`memory rose by ${Math.round(peak / 1e6)} MB`);
    return { tried: count, failures, counts: outcomes, most: { 'MB more memory': peak / 1e6 } };
  },
};
