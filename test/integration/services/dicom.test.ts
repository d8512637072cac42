import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { differingVoxels } from '#main/export/verify.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { plantedIdentity, writeDicomSlices } from '#test/support/dicomSlices.ts';
import { startStudio, testLabels, type TestStudio } from '#test/support/studio.ts';
import { obliqueGrid, randomVolume, unevenGrid } from '#test/support/volumes.ts';

let app: TestStudio;
beforeEach(() => {
  app = startStudio();
});
afterEach(() => app.close());

it('a DICOM series comes in, is corrected and accepted, and goes out as DICOM SEG on the same slices', async () => {
  const { client, folder } = app;
  const image = randomVolume({ ...obliqueGrid(unevenGrid, [20, 10, 5]), size: [16, 12, 6] }, 3);
  writeDicomSlices(join(folder, 'incoming', 'series'), image);
  await client.projects.create({ path: join(folder, 'project'), name: 'Abdomen', labels: testLabels });
  const { added, skipped } = await client.library.import({ sources: [join(folder, 'incoming')] });
  expect([added.length, skipped]).toEqual([1, []]);
  const [caseId = ''] = added;

  const { grid, byteLength } = await client.images.open({ caseId });
  const bytes = new Uint8Array(byteLength);
  await client.images.read(
    { caseId },
    {
      onItem: (item) => {
        bytes.set(item.bytes, item.offset);
      },
    },
  );
  expect(grid.size).toEqual([16, 12, 6]);
  grid.affine.forEach((value, at) => {
    expect(value).toBeCloseTo(image.grid.affine[at] ?? NaN, 3);
  });
  expect([...new Int16Array(bytes.buffer)]).toEqual([...image.data]);

  const { session, mask, history } = await client.document.open({ caseId });
  const records: Uint8Array[] = [];
  const document = SegmentationDocument.restore(mask, history, {
    sink: (record) => {
      records.push(record);
    },
  });
  const middle = [8, 6, 3].reduce(
    (point, index, axis) => point.map((value, row) => value + index * (grid.affine[4 * row + axis] ?? 0)),
    [3, 7, 11].map((at) => grid.affine[at] ?? 0),
  );
  document.push(
    'Brush',
    paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: middle as [number, number, number], radius: 6 }, 1),
  );
  const { sequence } = await client.document.append({ caseId, session, sequence: 0, records });
  await client.document.accept({ caseId, session, sequence });
  await client.document.close({ caseId, session });

  const { files, failures } = await client.exports.run({
    format: 'dicom-seg',
    destination: join(folder, 'out'),
    cases: { kind: 'accepted' },
  });
  expect(failures).toEqual([]);
  expect(files).toMatchObject([{ caseId, verified: true, differingVoxels: 0 }]);
  const path = files[0]?.path ?? '';
  expect(document.volume.data.some((value) => value === 1)).toBe(true);
  expect(differingVoxels(document.volume, (await readLabels(path)).volume)).toBe(0);
  const text = readFileSync(path).toString('latin1');
  expect(text).toContain('2.25.2'); // the series that it belongs to
  for (const value of Object.values(plantedIdentity)) expect(text).not.toContain(value);
});
