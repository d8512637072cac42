import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { differingVoxels } from '#main/export/verify.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { rleFrame, writeDicomSlices } from '#test/support/dicomSlices.ts';
import { obliqueGrid, randomVolume, unevenGrid } from '#test/support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-no-temporary-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

// In a file of its own: a worker keeps the environment that it was started in.
it('decodes compressed pixels without a temporary file, which would outlive a worker that is ended', async () => {
  const volume = randomVolume({ ...obliqueGrid(unevenGrid, [12, 4, -7]), size: [8, 6, 7] }, 5);
  for (let k = 0; k < 7; k++)
    writeDicomSlices(join(folder, String(k)), volume, (n) => (n === k ? { PixelData: undefined } : null), {
      transferSyntax: uids.rle,
      frames: [rleFrame(volume.data.slice(k * 48, (k + 1) * 48))],
    });
  for (const name of ['TMPDIR', 'TMP', 'TEMP']) process.env[name] = join(folder, 'not there');
  expect(differingVoxels(volume, (await readImage(folder)).volume)).toBe(0);
});
