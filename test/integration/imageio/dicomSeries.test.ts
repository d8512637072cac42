import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { spacing } from '#shared/geometry/grid.ts';
import { dicomPlanes } from '#main/export/dicomPlanes.ts';
import { differingVoxels } from '#main/export/verify.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom } from '#main/imageio/dicom/encode.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { scanFolder } from '#main/imageio/scan.ts';
import { plantedIdentity, rleFrame, writeDicomSlices } from '../../support/dicomSlices.ts';
import { obliqueGrid, randomVolume, unevenGrid } from '../../support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-series-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const volume = randomVolume({ ...obliqueGrid(unevenGrid, [12, 4, -7]), size: [8, 6, 7] }, 5);

describe('a DICOM series', () => {
  it('takes spacing from positions, not from SliceThickness', async () => {
    writeDicomSlices(join(folder, 'plain'), volume);
    const image = await readImage(join(folder, 'plain'));
    expect(spacing(image.volume.grid)[2]).toBeCloseTo(2.25, 6);
    expect(differingVoxels(volume, image.volume)).toBe(0);
    expect(image).toMatchObject({ modality: 'CT', format: 'dicom', warnings: [] });
    expect(image.source?.instances).toHaveLength(7);
  });

  it('hashes the same whatever the files are called', async () => {
    const paths = writeDicomSlices(join(folder, 'names'), volume);
    mkdirSync(join(folder, 'other'));
    paths.forEach((path, n) => {
      copyFileSync(path, join(folder, 'other', `x${9 - n}`));
    });
    expect((await readImage(join(folder, 'other'))).contentHash).toBe((await readImage(join(folder, 'names'))).contentHash);
  });

  it('keeps who it is of to itself unless asked', async () => {
    writeDicomSlices(join(folder, 'identity'), volume);
    const text =
      JSON.stringify({ ...(await readImage(join(folder, 'identity'))), volume: null }) +
      JSON.stringify(await scanFolder(join(folder, 'identity')));
    for (const value of Object.values(plantedIdentity)) expect(text).not.toContain(value);
    expect((await readImage(join(folder, 'identity'), { identity: true })).identity?.patientName).toBe('Doe^Jane');
  });

  it('applies slope and intercept slice by slice', async () => {
    writeDicomSlices(join(folder, 'rescaled'), volume, (k) => ({ RescaleSlope: 1 + k, RescaleIntercept: -k }));
    const { data } = (await readImage(join(folder, 'rescaled'))).volume;
    expect(Array.from(data)).toEqual(Array.from(volume.data, (value, n) => value * (1 + Math.floor(n / 48)) - Math.floor(n / 48)));
  });

  it('takes intensities from a Modality LUT, where there is one in the place of slope and intercept', async () => {
    const stored = { grid: unevenGrid, data: new Int16Array(60).map((_, n) => (n % 7) - 3) };
    const table = Uint16Array.from([5000, 4000, 3000, 2000, 1000]);
    const lut = { LUTDescriptor: [5, 65534, 16], LUTData: new Uint8Array(table.buffer) }; // from −2 on, as 16 bits
    const change = () => ({ RescaleSlope: undefined, RescaleIntercept: undefined, ModalityLUTSequence: [lut] });
    const { volume } = await readImage(writeDicomSlices(join(folder, 'lut'), stored, change));
    expect([...volume.data]).toEqual([...stored.data].map((value) => table[Math.min(4, Math.max(0, value + 2))]));
  });

  it('reads pixels of 12 stored bits with overlays in the spare ones', async () => {
    const stored = randomVolume(volume.grid, 8).data.map((value) => value & 0xfff);
    writeDicomSlices(join(folder, 'bits'), { grid: volume.grid, data: stored.map((value, n) => value | ((n % 16) << 12)) }, () => ({
      BitsStored: 12,
      HighBit: 11,
      PixelRepresentation: 0,
      RescaleIntercept: -1024,
    }));
    const { data } = (await readImage(join(folder, 'bits'))).volume;
    expect(data).toBeInstanceOf(Int16Array);
    expect(Array.from(data)).toEqual(Array.from(stored, (value) => value - 1024));
  });

  it('refuses missing slices, naming how many', async () => {
    writeDicomSlices(join(folder, 'gap'), volume, (k) => (k === 3 ? null : {}));
    await expect(readImage(join(folder, 'gap'))).rejects.toMatchObject({
      code: 'invalid-file',
      message: expect.stringMatching(/misses slices: about 1 between the 6 .* after slice 3/),
    });
  });

  it('refuses uneven distances and warns of small ones', async () => {
    const planes = dicomPlanes(volume.grid);
    const moved = (share: number) => (k: number) =>
      k === 3 ? { ImagePositionPatient: planes.positionOf(3).map((x, axis) => x + share * (planes.positionOf(4)[axis]! - x)) } : {};
    writeDicomSlices(join(folder, 'uneven'), volume, moved(0.4));
    await expect(readImage(join(folder, 'uneven'))).rejects.toMatchObject({
      code: 'invalid-file',
      message: expect.stringContaining('uneven distances'),
    });
    writeDicomSlices(join(folder, 'slightly'), volume, moved(0.05));
    expect((await readImage(join(folder, 'slightly'))).warnings).toEqual([expect.stringContaining('off an even spacing')]);
  });

  it('drops copies of a slice with a warning, and refuses different images at one place', async () => {
    const paths = writeDicomSlices(join(folder, 'copies'), volume);
    copyFileSync(paths[2]!, join(folder, 'copies', 'again.dcm'));
    const image = await readImage(join(folder, 'copies'));
    expect(image.warnings).toEqual(['1 slice was there twice and is read once.']);
    expect(differingVoxels(volume, image.volume)).toBe(0);
    const second = writeDicomSlices(join(folder, 'second'), volume, (k) => ({ SOPInstanceUID: `2.25.5.${k}` }));
    await expect(readImage([...paths, ...second])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('2 images at every slice position'),
    });
    await expect(readImage([...paths, second[0]!])).rejects.toMatchObject({
      code: 'invalid-file',
      message: expect.stringContaining('different images at one slice position'),
    });
  });

  it('leaves out a scout view of the series with a warning, and refuses halves of two orientations', async () => {
    writeDicomSlices(join(folder, 'scout'), volume, (k) => (k === 6 ? { ImageOrientationPatient: [0, 1, 0, 0, 0, -1] } : {}));
    const image = await readImage(join(folder, 'scout'));
    expect(image.volume.grid.size).toEqual([8, 6, 6]);
    expect(image.warnings).toEqual([expect.stringContaining('1 slice of another orientation')]);
    writeDicomSlices(join(folder, 'mixed'), volume, (k) => (k > 3 ? { ImageOrientationPatient: [0, 1, 0, 0, 0, -1] } : {}));
    await expect(readImage(join(folder, 'mixed'))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('mixes 2 orientations'),
    });
  });

  it('asks which, where a folder holds several series; scanning finds both, and one bad file stops nothing', async () => {
    const both = join(folder, 'both');
    writeDicomSlices(join(both, 'a'), volume);
    writeDicomSlices(join(both, 'b'), volume, (k) => ({ SeriesInstanceUID: '2.25.77', SOPInstanceUID: `2.25.6.${k}`, SeriesNumber: 2 }));
    writeFileSync(join(both, 'bad.dcm'), Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), Buffer.alloc(50, 7)]));
    await expect(readImage(both)).rejects.toMatchObject({ code: 'conflict' });
    expect((await readImage(both, { series: '2.25.77' })).source?.seriesInstanceUid).toBe('2.25.77');
    const { candidates, skipped } = await scanFolder(both);
    expect(candidates.map(({ name, paths }) => [name, paths.length])).toEqual([
      ['a/series 1', 7],
      ['b/series 2', 7],
    ]);
    expect(skipped).toEqual([{ path: join(both, 'bad.dcm'), reason: 'bad.dcm breaks off: it was not copied completely.' }]);
  });

  it('finds the echoes of one series as images of their own', async () => {
    const echoes = join(folder, 'echoes');
    for (const echo of [1, 2])
      writeDicomSlices(join(echoes, String(echo)), { grid: volume.grid, data: volume.data.map((value) => value * echo) }, (k) => ({
        EchoNumbers: echo,
        SOPInstanceUID: `2.25.8.${echo}.${k}`,
      }));
    const { candidates, skipped } = await scanFolder(echoes);
    expect(skipped).toEqual([]);
    expect(candidates.map(({ name }) => name)).toEqual(['1/series 1', '2/series 1 part 2']);
    for (const [n, { paths }] of candidates.entries())
      expect(
        differingVoxels({ grid: volume.grid, data: volume.data.map((value) => value * (n + 1)) }, (await readImage(paths)).volume),
      ).toBe(0);
  });

  it('names a tilted gantry and keeps its shear', async () => {
    const [i, j, k] = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0.3, 2],
    ] as const;
    const sheared = {
      grid: { size: volume.grid.size, affine: [i[0], j[0], k[0], 5, i[1], j[1], k[1], 6, i[2], j[2], k[2], 7] as const },
      data: volume.data,
    };
    writeDicomSlices(join(folder, 'tilt'), sheared);
    const image = await readImage(join(folder, 'tilt'));
    expect(image.warnings).toEqual([expect.stringMatching(/sheared by 8\.5°/)]);
    expect(differingVoxels(sheared, image.volume)).toBe(0);
  });

  it('reads an enhanced multi-frame file with its frames in any order', async () => {
    const planes = dicomPlanes(volume.grid);
    const order = [4, 0, 6, 2, 5, 1, 3];
    const frames = order.map((k) => volume.data.slice(k * 48, (k + 1) * 48));
    const path = join(folder, 'enhanced.dcm');
    writeFileSync(
      path,
      Buffer.concat(
        encodeDicom({
          StudyInstanceUID: '2.25.1',
          SeriesInstanceUID: '2.25.2',
          FrameOfReferenceUID: '2.25.3',
          SOPClassUID: uids.enhancedMr,
          SOPInstanceUID: '2.25.9',
          Modality: 'MR',
          SamplesPerPixel: 1,
          PhotometricInterpretation: 'MONOCHROME2',
          Rows: 6,
          Columns: 8,
          NumberOfFrames: 7,
          BitsAllocated: 16,
          BitsStored: 16,
          HighBit: 15,
          PixelRepresentation: 1,
          SharedFunctionalGroupsSequence: [
            {
              PixelMeasuresSequence: [{ PixelSpacing: planes.pixelSpacing }],
              PlaneOrientationSequence: [{ ImageOrientationPatient: planes.orientation }],
            },
          ],
          PerFrameFunctionalGroupsSequence: order.map((k) => ({
            PlanePositionSequence: [{ ImagePositionPatient: planes.positionOf(k) }],
            PixelValueTransformationSequence: [{ RescaleSlope: 2, RescaleIntercept: 1 }],
          })),
          PixelData: new Uint8Array(Buffer.concat(frames.map((frame) => new Uint8Array(frame.buffer)))),
        }),
      ),
    );
    const image = await readImage(path);
    expect(differingVoxels({ grid: volume.grid, data: volume.data.map((value) => value * 2 + 1) }, image.volume)).toBe(0);
    expect(image.source?.instances.map((one) => one.frame)).toEqual(
      image.volume.grid.size[2] === 7 ? expect.arrayContaining([1, 2, 3, 4, 5, 6, 7]) : [],
    );
  });

  it('decodes RLE frames of single files and of a multi-frame file', async () => {
    const target = join(folder, 'rle');
    mkdirSync(target);
    for (let k = 0; k < 7; k++) {
      const [path] = writeDicomSlices(join(target, String(k)), volume, (n) => (n === k ? { PixelData: undefined } : null), {
        transferSyntax: uids.rle,
        frames: [rleFrame(volume.data.slice(k * 48, (k + 1) * 48))],
      });
      expect(path).toBeDefined();
    }
    expect(differingVoxels(volume, (await readImage(target)).volume)).toBe(0);
  });
});
