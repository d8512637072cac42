import { expect, it } from 'vitest';
import { labelTemplates } from '#shared/domain/labelTemplates.ts';
import { segmentCodesOf } from '#main/export/segmentCodes.ts';

it('templates say where they are from; names differ, and there are as many as there should be', () => {
  expect(labelTemplates.map(({ id, labels }) => [id, labels.length])).toEqual([
    ['totalsegmentator', 117],
    ['btcv', 13],
    ...[3, 1, 2, 2, 2, 1, 2, 2, 1, 1].map((count, n) => [`msd-${String(n + 1).padStart(2, '0')}`, count]),
  ]);
  for (const { source, labels } of labelTemplates) {
    expect(source.length).toBeGreaterThan(20);
    expect(new Set(labels.map(({ name }) => name.toLowerCase())).size).toBe(labels.length);
  }
});

it('a label that is called as in a template is exported with its code', () => {
  expect(segmentCodesOf('vertebrae_L3').type).toEqual({ value: '36470004', meaning: 'L3 vertebra' });
  expect(segmentCodesOf('portal vein and splenic vein').type.value).toBe('110765007');
  expect(segmentCodesOf('Left kidney').type.value).toBe('64033007');
});
