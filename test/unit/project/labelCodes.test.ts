import { describe, expect, it } from 'vitest';
import { admitLabels, planLabels, type ProjectLabels, type SourceLabel } from '#main/exchange/plan/mapLabels.ts';
import { segmentCodesOf } from '#main/export/segmentCodes.ts';
import { labelCode, slicerCode } from '#main/imageio/labelCodes.ts';

const part = (value: string, meaning: string) => ({ scheme: 'SCT', value, meaning });
const liver = labelCode(part('10200004', 'Liver'), null);
const kidney = labelCode(part('64033007', 'Kidney'), null);
const rightKidney = labelCode(part('64033007', 'Kidney'), part('24028007', 'Right'));
const project = (names: readonly string[], codes: ProjectLabels['codes'] = []): ProjectLabels => ({
  labels: names.map((name, n) => ({ value: n + 1, name, color: '#112233', locked: false })),
  removed: [],
  taken: [],
  codes,
});
const coded = (name: string, code: ReturnType<typeof labelCode>, value = 1): SourceLabel => ({
  value,
  name,
  ...(code !== undefined && { code }),
});
const planned = (labels: readonly SourceLabel[], of: ProjectLabels) =>
  planLabels([labels], of).map(({ target, byCode, doubt }) => [target, byCode, doubt !== null]);

describe('a label with a code', () => {
  it('is known by it before it is by its name', () => {
    expect(planned([coded('Leber', liver)], project(['Spleen', 'Liver']))).toEqual([['Liver', true, false]]);
    expect(planned([coded('Foie', liver)], project(['Spleen', 'Leber'], [{ value: 2, key: 'SCT:10200004', meaning: 'Liver' }]))).toEqual([
      ['Leber', true, false],
    ]);
    expect(planned([coded('Segment_1', rightKidney)], project(['kidney_left', 'kidney_right']))).toEqual([['kidney_right', true, false]]);
    expect(planned([coded('', liver)], project(['Liver']))).toEqual([['Liver', false, false]]);
  });

  it('is asked for where code and name say two things', () => {
    const of = project(['Liver', 'Spleen']);
    expect(planned([coded('Spleen', liver)], of)).toEqual([['Spleen', false, true]]);
    expect(() => admitLabels(planLabels([[coded('Spleen', liver)]], of), of)).toThrow(/by its code \(Liver, SCT:10200004\) it is “Liver”/);
  });

  it('is known by its name where the code says too little: which of two, which side, which lobe', () => {
    const left: ProjectLabels = project(['Kidney left'], [{ value: 1, key: 'SCT:64033007', meaning: 'Kidney' }]);
    expect(planned([coded('Right kidney', kidney)], left)).toEqual([['Right kidney', false, false]]);
    expect(planned([coded('a', kidney, 1), coded('b', kidney, 2)], project(['Kidney']))).toEqual([
      ['a', false, false],
      ['b', false, false],
    ]);
    expect(labelCode(part('85756007', 'Tissue'), null)).toBeUndefined();
    expect(labelCode(part('108369006', 'Neoplasm'), null, part('10200004', 'Liver'))).toEqual({
      key: 'SCT:108369006|SCT:10200004',
      meaning: 'Neoplasm of Liver',
    });
    expect(
      planned(
        [coded('L1', labelCode(part('51282000', 'Vertebra'), null))],
        project(['L2'], [{ value: 1, key: 'SCT:51282000', meaning: '' }]),
      ),
    ).toEqual([['L1', false, false]]);
  });

  it('comes from 3D Slicer’s terminology, too', () => {
    const entry =
      'Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney~SCT^24028007^Right~Anatomic codes - DICOM master list~^^~^^';
    expect(slicerCode(entry)).toEqual(rightKidney);
    expect(slicerCode('')).toBeUndefined();
  });

  it('says where a question is answered: in the plan, or on the command line', () => {
    const of = project(['Liver']);
    const labels = planLabels([[{ value: 1 }]], of);
    expect(() => admitLabels(labels, of)).toThrow(/Say what it is in the plan of the import\.$/);
    expect(() => admitLabels(labels, of, (label, example) => `--map "${String(label)}=${example}"`)).toThrow(/--map "1=Liver"$/);
  });
});

it('an export names a structure by a code only where the label is that structure', () => {
  expect([segmentCodesOf('Liver').type.meaning, segmentCodesOf('liver').modifier]).toEqual(['Liver', undefined]);
  expect([segmentCodesOf('kidney_left').type.meaning, segmentCodesOf('Left kidney').modifier?.meaning]).toEqual(['Kidney', 'Left']);
  // Names of the label templates have the templates' codes.
  expect([segmentCodesOf('lung_upper_lobe_left').type.meaning, segmentCodesOf('vertebrae_L1').type.meaning]).toEqual([
    'Upper lobe of lung',
    'L1 vertebra',
  ]);
  for (const name of ['Liver vessels', 'brainstem', 'heart atrium left']) expect(segmentCodesOf(name).type.meaning).toBe('Tissue');
});
