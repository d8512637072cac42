import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Volume } from '#shared/geometry/grid.ts';
import { readCaseImage } from '#main/exchange/caseImages.ts';
import { importTarget } from '#main/exchange/importCases.ts';
import { planImport } from '#main/exchange/plan/planImport.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { listImages } from '#main/library/index.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { bring, quietly, size } from '#test/support/exchange.ts';
import { coarser, incomingImages, shown } from '#test/support/incomingImages.ts';
import { rampVolume } from '#test/support/studio.ts';

const here = incomingImages();
const { at, plan } = here;

describe('DICOM series of one study and frame of reference', () => {
  const tracer = { RadiopharmaceuticalStartTime: '100000', RadionuclideTotalDose: 370_000_000, RadionuclideHalfLife: 6586.2 };
  const petHeader = {
    SeriesInstanceUID: '2.25.20',
    Modality: 'PT',
    SeriesNumber: 2,
    SeriesDescription: 'WB PET AC',
    Units: 'BQML',
    DecayCorrection: 'START',
    PatientWeight: 74,
    SeriesTime: '110000',
    RescaleSlope: 2,
    RadiopharmaceuticalInformationSequence: [tracer],
  };
  /** 370 MBq after an hour, by weight. */
  const factor = (1000 * 74) / (370e6 * 2 ** (-3600 / 6586.2));
  const writePet = (change: object = {}): void => {
    const pet = coarser(5);
    writeDicomSlices(at('study', 'pet', 'x').slice(0, -2), pet, (k) => ({
      SOPInstanceUID: `2.25.40.${String(k)}`,
      ...petHeader,
      ...change,
    }));
  };

  it('are offered as one case, the CT leading, with PET as SUV by body weight', async () => {
    writeDicomSlices(at('study', 'ct', 'x').slice(0, -2), rampVolume(size, 1));
    writePet();
    const apart = await plan();
    expect([apart.cases.length, apart.studies]).toEqual([2, 1]);
    const planned = await plan({ studies: true });
    expect(shown(planned)).toEqual([
      [
        'HOSP-998877, series 1',
        [
          ['CT', 'grid'],
          ['PET', 'frame'],
        ],
        0,
      ],
    ]);
    expect(planned.cases[0]?.warnings.join()).toContain('PET: PET is read as SUV by body weight: 74 kg, 370 MBq, 60 min before the scan.');
    const { added } = await bring(here.project, [join(here.folder, 'in')], { studies: true });
    const [ct, pet] = listImages(here.project.read);
    expect([ct?.modality, pet?.modality, pet?.scale.unit, pet?.grid.size]).toEqual(['CT', 'PT', 'SUVbw', [4, 7, 6]]);
    expect(pet?.scale.factor).toBeCloseTo(factor, 12);
    // Read, it lies on the voxels of the CT: the coarser one's centres are every second one of these.
    const { volume } = await readCaseImage(here.project, added[0] ?? '', quietly.cancellation, pet?.id);
    expect(volume.grid).toEqual(ct?.grid);
    const stored = (coarser(5).data[0] ?? 0) * 2;
    expect(volume.data[0]).toBeCloseTo(stored * factor, 5);
  });

  it('are called by their patient and description, and by folder and number as far as these are missing or alike', async () => {
    const named = (folder: string, seed: number, change: object): void => {
      writeDicomSlices(at(folder, 'x').slice(0, -2), rampVolume(size, seed), (k) => ({
        SeriesInstanceUID: `2.25.6.${String(seed)}`,
        SOPInstanceUID: `2.25.7.${String(seed)}.${String(k)}`,
        SeriesNumber: seed,
        ...change,
      }));
    };
    named('one', 11, { SeriesDescription: 'Abdomen 3 mm' });
    named('two', 12, { PatientID: '', PatientName: 'Roe^Richard', SeriesDescription: 'Thorax' });
    named('three', 13, {});
    named('four', 14, { PatientID: 'P4', SeriesDescription: 'Head' });
    named('five', 15, { PatientID: 'P4', SeriesDescription: 'Head' });
    named('six', 16, { PatientID: '', PatientName: '', SeriesDescription: 'Knee' });
    named('seven', 17, { PatientID: '', PatientName: '' });
    expect((await plan()).cases.map(({ name }) => name).sort()).toEqual([
      'HOSP-998877, Abdomen 3 mm',
      'HOSP-998877, series 13',
      'P4, Head, series 14',
      'P4, Head, series 15',
      'Roe Richard, Thorax',
      'seven/series 17',
      'six, Knee',
    ]);
    // Nor like a case that the project has.
    await bring(here.project, [join(here.folder, 'in', 'one')]);
    named('later', 21, { SeriesDescription: 'Abdomen 3 mm' });
    const { cases } = await planImport([join(here.folder, 'in', 'later')], importTarget(here.project, quietly.cancellation), quietly);
    expect(cases.map(({ name }) => name)).toEqual(['HOSP-998877, Abdomen 3 mm, series 21']);
  });

  it('stay apart where a segmentation names each', async () => {
    writeDicomSlices(at('study', 'ct', 'x').slice(0, -2), rampVolume(size, 1));
    writePet({ PatientWeight: 0, RescaleSlope: 1 });
    const { source, volume } = await readImage(at('study', 'ct', 'x').slice(0, -2));
    const { source: petSource, volume: pet } = await readImage(at('study', 'pet', 'x').slice(0, -2));
    const labels = { labels: [{ value: 1, name: 'node', color: '#ff0000', locked: false }] };
    const one = (grid: Volume['grid']): Volume<Uint8Array> => ({
      grid,
      data: new Uint8Array(grid.size[0] * grid.size[1] * grid.size[2]).fill(1),
    });
    await exportDicomSeg(at('study', 'ct.dcm'), one(volume.grid), labels, source);
    await exportDicomSeg(at('study', 'pet.dcm'), one(pet.grid), labels, petSource);
    const planned = await plan({ studies: true });
    expect([planned.cases.length, planned.studies, planned.skipped]).toEqual([2, 0, []]);
    expect(planned.cases.map(({ mask }) => mask?.parts.length)).toEqual([1, 1]);
    expect(planned.cases[1]?.warnings.join()).toContain('not as SUV: its header lacks the body weight');
  });
});
