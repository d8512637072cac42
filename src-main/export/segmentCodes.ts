import { templateCode } from '#shared/domain/labelTemplates.ts';

/** A coded concept: value, scheme and meaning. */
export interface Code {
  readonly value: string;
  readonly meaning: string;
}

export interface SegmentCodes {
  readonly category: Code;
  readonly type: Code;
  /** Left or right, where the name says so. */
  readonly modifier?: Code;
}

const anatomical: Code = { value: '123037004', meaning: 'Anatomical Structure' };
const abnormal: Code = { value: '49755003', meaning: 'Morphologically Abnormal Structure' };
const tissue: Code = { value: '85756007', meaning: 'Tissue' };

const left: Code = { value: '7771000', meaning: 'Left' };
const right: Code = { value: '24028007', meaning: 'Right' };

/** SNOMED CT codes of structures that are often segmented: the first whose pattern is all of a label's name but its side. */
const structures: readonly (readonly [RegExp, SegmentCodes])[] = [
  [
    /^(tumou?rs?|neoplasms?|cancer|carcinoma|metasta[st][ei]s)$/i,
    { category: abnormal, type: { value: '108369006', meaning: 'Neoplasm' } },
  ],
  [/^(lesions?|nodules?)$/i, { category: abnormal, type: { value: '52988006', meaning: 'Lesion' } }],
  [/^cysts?$/i, { category: abnormal, type: { value: '441457006', meaning: 'Cyst' } }],
  ...(
    [
      [/^hippocampus$/i, '3305006', 'Hippocampus'],
      [/^gall ?bladder$/i, '28231008', 'Gallbladder'],
      [/^(urinary )?bladder$/i, '89837001', 'Urinary bladder'],
      [/^liver$/i, '10200004', 'Liver'],
      [/^spleen$/i, '78961009', 'Spleen'],
      [/^kidneys?$/i, '64033007', 'Kidney'],
      [/^pancreas$/i, '15776009', 'Pancreas'],
      [/^stomach$/i, '69695003', 'Stomach'],
      [/^o?esophagus$/i, '32849002', 'Esophagus'],
      [/^aorta$/i, '15825003', 'Aorta'],
      [/^(inferior vena cava|ivc|post ?cava)$/i, '64131007', 'Inferior vena cava'],
      [/^adrenal( glands?)?$/i, '23451007', 'Adrenal gland'],
      [/^duodenum$/i, '38848004', 'Duodenum'],
      [/^prostate$/i, '41216001', 'Prostate'],
      [/^lungs?$/i, '39607008', 'Lung'],
      [/^heart$/i, '80891009', 'Heart'],
      [/^brain$/i, '12738006', 'Brain'],
      [/^colon$/i, '71854001', 'Colon'],
      [/^vertebrae?$/i, '51282000', 'Vertebra'],
    ] as const
  ).map(([pattern, value, meaning]): readonly [RegExp, SegmentCodes] => [pattern, { category: anatomical, type: { value, meaning } }]),
];

/**
 * Codes for a label by its name. A name that says more than a structure and its side, such as a lobe of a lung, is coded as tissue, for a code
 * that means something else would be taken at its word.
 */
export function segmentCodesOf(name: string): SegmentCodes {
  const known = templateCode(name);
  const words = name
    .toLowerCase()
    .split(/[\s_.-]+/)
    .filter((word) => word !== '');
  const side = { left, l: left, right, r: right }[words.find((word) => /^(left|right|l|r)$/.test(word)) ?? ''];
  const plain = words.filter((word) => !/^(left|right|l|r)$/.test(word)).join(' ');
  const named = structures.find(([pattern]) => pattern.test(plain))?.[1];
  const codes = named ?? (known === undefined ? { category: tissue, type: tissue } : { category: anatomical, type: known });
  return side === undefined || codes.type === tissue ? codes : { ...codes, modifier: side };
}
