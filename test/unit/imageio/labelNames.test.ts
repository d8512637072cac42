import { expect, it } from 'vitest';
import { parseLabelNames } from '#main/imageio/labelNames.ts';

it.each([
  ['a table with a header', 'value,name\n1,Liver\n2,"Lung, left"\n', { 1: 'Liver', 2: 'Lung, left' }],
  ['its columns the other way round', 'Structure;Index\nSpleen;4\n', { 4: 'Spleen' }],
  ['BIDS', 'index\tname\tabbreviation\n0\tbackground\tbg\n12\tLeft hippocampus\tlh\n', { 12: 'Left hippocampus' }],
  ['no header', '1,Rib 1\n2,Rib 2\n', { 1: 'Rib 1', 2: 'Rib 2' }],
  ['names that end in numbers', '1 Rib 1\n12 Vertebra T 12\n', { 1: 'Rib 1', 12: 'Vertebra T 12' }],
  [
    'colours behind the names (3D Slicer, FreeSurfer)',
    '# colours\n2 Left-Cerebral-White-Matter 245 245 245 0\n17  Hippocampus 220 216 20\n',
    { 2: 'Left-Cerebral-White-Matter', 17: 'Hippocampus' },
  ],
  [
    'ITK-SNAP',
    '    0     0    0    0        0  0  0    "Clear Label"\n    1   255    0    0        1  1  1    "Label 1"\n',
    { 1: 'Label 1' },
  ],
  ['name and value', 'liver = 1\nleft kidney: 2\n', { 1: 'liver', 2: 'left kidney' }],
  ['a value with two names has none', '1 Liver\n1 Spleen\n2 Aorta\n', { 2: 'Aorta' }],
  ['what is no list', 'These masks were drawn in 2020.\n', {}],
])('%s', (_, text, names) => {
  expect(Object.fromEntries(parseLabelNames(text))).toEqual(names);
});
