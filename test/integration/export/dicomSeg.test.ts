import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSegmentationNode } from '@itk-wasm/dicom';
import { afterAll, describe, expect, it } from 'vitest';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { differingVoxels } from '#main/export/verify.ts';
import { parseDicom } from '#main/imageio/dicom/parse.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { affineFrom } from '#shared/geometry/affine.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { plantedIdentity, writeDicomSlices } from '../../support/dicomSlices.ts';
import { obliqueGrid, randomLabels, randomVolume, unevenGrid } from '../../support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-seg-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const labelSet = {
  labels: [
    { value: 1, name: 'Liver', color: '#dd8265', locked: false },
    { value: 4, name: 'My own thing', color: '#00ff40', locked: false },
  ],
};
async function exported(name: string, withIdentity: boolean) {
  writeDicomSlices(join(folder, name), randomVolume({ ...obliqueGrid(unevenGrid, [20, 10, 5]), size: [16, 12, 6] }, 3));
  const { volume, source, identity } = await readImage(join(folder, name), { identity: withIdentity });
  const labels = randomLabels(volume.grid, 4, [0, 0, 0, 1, 4]);
  const path = join(folder, `${name}.dcm`);
  await exportDicomSeg(path, labels, labelSet, source, identity ? { identity } : {});
  return { labels, path, source };
}

describe('DICOM SEG', () => {
  it('is read by dcmqi to the same voxels, codes and labels', async () => {
    const { labels, path } = await exported('dcmqi', false);
    const { segImage, metaInfo } = await readSegmentationNode(path);
    const columns = [0, 1, 2].map((axis) => [0, 1, 2].map((row) => segImage.direction[row * 3 + axis] as number)) as unknown as [
      Triple,
      Triple,
      Triple,
    ];
    const affine = affineFrom({
      origin: segImage.origin as unknown as Triple,
      axes: columns,
      spacing: segImage.spacing as unknown as Triple,
    });
    const found = { grid: { size: segImage.size as unknown as Triple, affine }, data: Uint8Array.from(segImage.data as Uint8Array) };
    expect(differingVoxels({ grid: labels.grid, data: labels.data.map((value) => (value === 4 ? 2 : value)) }, found)).toBe(0);
    const text = JSON.stringify(metaInfo);
    for (const part of ['Liver', '10200004', 'My own thing', '85756007']) expect(text).toContain(part);
  });

  it('names its series, its slices and a colour for every segment', async () => {
    const { path, source } = await exported('references', false);
    const dataset = parseDicom(path, new Uint8Array(readFileSync(path)))!.dataset;
    expect(dataset.item('ReferencedSeriesSequence')?.string('SeriesInstanceUID')).toBe(source?.seriesInstanceUid);
    expect(dataset.item('ReferencedSeriesSequence')?.items('ReferencedInstanceSequence').length).toBe(6);
    const [first] = dataset.items('PerFrameFunctionalGroupsSequence');
    expect(first?.item('DerivationImageSequence')?.item('SourceImageSequence')?.string('ReferencedSOPInstanceUID')).toBe(
      source?.instances[0]?.sopInstanceUid,
    );
    expect(dataset.items('SegmentSequence').every((segment) => segment.numbers('RecommendedDisplayCIELabValue').length === 3)).toBe(true);
    expect(dataset.string('FrameOfReferenceUID')).toBe(source?.frameOfReferenceUid);
  });

  it('says nothing about the person unless asked to', async () => {
    const { path } = await exported('anonymous', false);
    const bytes = readFileSync(path).toString('latin1');
    for (const value of Object.values(plantedIdentity)) expect(bytes).not.toContain(value);
    expect(parseDicom(path, new Uint8Array(readFileSync(path)))!.dataset.string('PatientIdentityRemoved')).toBe('YES');
    const named = await exported('named', true);
    expect(readFileSync(named.path).toString('latin1')).toContain('Doe^Jane');
  });

  it('refuses images that did not come from DICOM, and masks on other slices', async () => {
    const { labels, source } = await exported('refused', false);
    await expect(exportDicomSeg(join(folder, 'x.dcm'), labels, labelSet, null)).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(
      exportDicomSeg(join(folder, 'x.dcm'), labels, labelSet, { ...source!, instances: source!.instances.slice(1) }),
    ).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
