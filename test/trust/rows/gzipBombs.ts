import { createWriteStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { encodeNifti } from '#main/imageio/nifti/encodeNifti.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { randomVolume, unevenGrid } from '../../support/volumes.ts';
import type { TrustRow } from '../row.ts';

const sizesGibibytes = [1, 10, 100];

export const row: TrustRow = {
  name: 'gzip-bombs',
  property: 'a .nii.gz that unpacks to 1, 10 or 100 GiB of zeros is left at the size that its header implies plus a little',
  count: 3,
  short: 1,
  async run({ count, folder }) {
    const failures: string[] = [];
    const notes: string[] = [];
    const header = encodeNifti(randomVolume(unevenGrid, 1))[0]!;
    const zeros = Buffer.alloc(4 << 20);
    for (const gibibytes of sizesGibibytes.slice(0, count)) {
      const path = join(folder, 'bomb.nii.gz');
      await pipeline(
        Readable.from(
          (function* () {
            yield header;
            for (let n = 0; n < gibibytes * 256; n++) yield zeros;
          })(),
          { highWaterMark: 1 },
        ),
        createGzip({ level: 1 }),
        createWriteStream(path),
      );
      const before = process.memoryUsage().rss;
      const start = process.cpuUsage(); // a busy machine says nothing about the file
      const outcome = await readImage(path).then(
        () => 'read',
        (error: unknown) => String(error),
      );
      const { user, system } = process.cpuUsage(start);
      const seconds = (user + system) / 1e6,
        megabytes = (process.memoryUsage().rss - before) / 1e6;
      if (!outcome.includes('much more data than its header says')) failures.push(`${gibibytes} GiB: ${outcome}`);
      if (seconds > 5 || megabytes > 500) failures.push(`${gibibytes} GiB: ${seconds.toFixed(1)} s, ${Math.round(megabytes)} MB`);
      notes.push(`${gibibytes} GiB left after ${seconds.toFixed(2)} s of processor time and ${Math.round(megabytes)} MB`);
      rmSync(path);
    }
    return { tried: Math.min(count, sizesGibibytes.length), failures, note: notes.join('; ') };
  },
};
