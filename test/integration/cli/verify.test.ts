import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { Random } from '#shared/base/random.ts';
import { exportDicomSeries } from '#main/export/exportDicomSeries.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { createProjectFolder, importIntoProject } from '#main/project/headlessProject.ts';
import { verifyProject } from '#main/project/verifyProject.ts';
import { rampVolume } from '#test/support/studio.ts';

let root: string;
const options = { cancellation: neverCancelled, report: ignoreProgress };

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-verify-'));
  const volume = rampVolume([9, 8, 7]);
  mkdirSync(join(root, 'in'));
  for (const name of ['a.nii', 'b.nii.gz', 'c.nrrd', 'd.mha'])
    await writeVolume(join(root, 'in', name), { ...volume, data: volume.data.map((value) => value + name.charCodeAt(0)) });
  writeFileSync(
    join(root, 'in', 'e.mhd'),
    'ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementSpacing = 1 1 1\nElementType = MET_SHORT\nElementDataFile = e.raw\n',
  );
  writeFileSync(join(root, 'in', 'e.raw'), new Uint8Array(Int16Array.from({ length: 64 }, (_, n) => n - 20).buffer));
  await exportDicomSeries(join(root, 'in', 'series'), volume, { modality: 'CT', name: 'f' });
  for (const mode of ['copy', 'reference'] as const) {
    await createProjectFolder(join(root, mode), mode, []);
    const { added, skipped } = await importIntoProject(join(root, mode), [join(root, 'in')], { mode }, options);
    expect([added.length, skipped]).toEqual([6, []]);
  }
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

it.each(['copy', 'reference'] as const)(
  'one flipped byte of a stored image is found, wherever it lies (%s)',
  { timeout: 120_000 },
  async (mode) => {
    expect(await verifyProject(join(root, mode), options)).toMatchObject({ faults: [] });
    const folder = mode === 'copy' ? join(root, 'copy', 'images') : join(root, 'in');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(nii|nii\.gz|nrrd|mha|dcm|mhd|raw)$/.test(name),
    );
    expect(files.length).toBe(mode === 'copy' ? 12 : 13);
    const random = new Random(1);
    for (const name of files) {
      const path = join(folder, name);
      const whole = readFileSync(path);
      for (let time = 0; time < 2; time++) {
        const damaged = Buffer.from(whole);
        const at = random.integer(whole.length);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << random.integer(8));
        writeFileSync(path, damaged);
        const { faults } = await verifyProject(join(root, mode), options);
        expect([name, at, faults.length]).toEqual([name, at, 1]);
      }
      writeFileSync(path, whole);
    }
  },
);
