/** A coded concept: value, scheme and meaning. */
export interface Code { readonly value: string; readonly meaning: string }

export interface SegmentCodes { readonly category: Code; readonly type: Code }

const anatomical: Code = { value: '123037004', meaning: 'Anatomical Structure' };
const abnormal: Code = { value: '49755003', meaning: 'Morphologically Abnormal Structure' };
const tissue: Code = { value: '85756007', meaning: 'Tissue' };

/** SNOMED CT codes of structures that are often segmented; the first whose pattern a label's name matches. */
const structures: readonly (readonly [RegExp, SegmentCodes])[] = [
  [/tumou?r|neoplasm|cancer|carcinoma|metasta/i, { category: abnormal, type: { value: '108369006', meaning: 'Neoplasm' } }],
  [/lesion|nodule/i, { category: abnormal, type: { value: '52988006', meaning: 'Lesion' } }],
  [/cyst/i, { category: abnormal, type: { value: '441457006', meaning: 'Cyst' } }],
  ...([
    [/hippocamp/i, '3305006', 'Hippocampus'], [/gall.?bladder/i, '28231008', 'Gallbladder'], [/bladder/i, '89837001', 'Urinary bladder'], [/liver/i, '10200004', 'Liver'],
    [/spleen/i, '78961009', 'Spleen'], [/kidney/i, '64033007', 'Kidney'], [/pancrea/i, '15776009', 'Pancreas'], [/stomach/i, '69695003', 'Stomach'],
    [/esophag|oesophag/i, '32849002', 'Esophagus'], [/aorta/i, '15825003', 'Aorta'], [/vena.?cava|ivc/i, '64131007', 'Inferior vena cava'],
    [/adrenal/i, '23451007', 'Adrenal gland'], [/duoden/i, '38848004', 'Duodenum'], [/prostate/i, '41216001', 'Prostate'], [/lung/i, '39607008', 'Lung'],
    [/heart/i, '80891009', 'Heart'], [/brain/i, '12738006', 'Brain'], [/colon/i, '71854001', 'Colon'], [/vertebra/i, '51282000', 'Vertebra'],
  ] as const).map(([pattern, value, meaning]): readonly [RegExp, SegmentCodes] => [pattern, { category: anatomical, type: { value, meaning } }]),
];

/** Codes for a label by its name; a name that is not known is coded as tissue. */
export function segmentCodesOf(name: string): SegmentCodes {
  return structures.find(([pattern]) => pattern.test(name))?.[1] ?? { category: tissue, type: tissue };
}
