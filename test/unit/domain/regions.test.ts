import { describe, expect, it } from 'vitest';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import { compareLabels } from '#shared/domain/metrics.ts';
import { checkInside, classRegionsOf, labelsOfRegions, outermostFirst, regionOf, regionsOf } from '#shared/domain/regions.ts';

/** BraTS: the whole tumour holds its core, which holds what enhances. */
const tumour = labelSetFrom([
  { value: 3, name: 'enhancing', inside: 2 },
  { value: 1, name: 'whole tumour' },
  { value: 2, name: 'core', inside: 1 },
  { value: 9, name: 'ventricle' },
]);

describe('labels inside labels', () => {
  it('make regions of several values', () => {
    expect([1, 2, 3, 9].map((value) => regionOf(tumour, value))).toEqual([[1, 2, 3], [2, 3], [3], [9]]);
    expect(outermostFirst(tumour).map(({ value }) => value)).toEqual([1, 9, 2, 3]);
    expect(regionsOf(labelSetFrom([{ value: 1, name: 'Liver' }]))).toBeUndefined();
    expect(classRegionsOf(tumour, [0, 1, 2, 3, 9])?.get(2)).toEqual([2, 3]);
  });

  it('lie in no circle and in nothing that is not there', () => {
    expect(() => checkInside(tumour)).not.toThrow();
    expect(() =>
      checkInside(
        labelSetFrom([
          { value: 1, name: 'a', inside: 2 },
          { value: 2, name: 'b', inside: 1 },
        ]),
      ),
    ).toThrow('“a” cannot lie inside itself.');
    expect(() => checkInside(labelSetFrom([{ value: 1, name: 'a', inside: 7 }]))).toThrow(/not in the list/);
  });

  it('are what the regions of a dataset.json say of its values', () => {
    const regions = [
      { name: 'whole tumour', values: [1, 2, 3], written: 1 },
      { name: 'core', values: [2, 3], written: 2 },
      { name: 'enhancing', values: [3], written: 3 },
    ];
    expect(labelsOfRegions(regions)).toEqual([
      { value: 1, name: 'whole tumour' },
      { value: 2, name: 'core', inside: 1 },
      { value: 3, name: 'enhancing', inside: 2 },
    ]);
    // A region without a value of its own is passed over; two that overlap by part name no value that both have.
    expect(
      labelsOfRegions([
        { name: 'all', values: [1, 2], written: 3 },
        { name: 'one', values: [1], written: 1 },
        { name: 'two', values: [2], written: 2 },
      ]),
    ).toEqual([
      { value: 1, name: 'one' },
      { value: 2, name: 'two' },
    ]);
    expect(
      labelsOfRegions([
        { name: 'left', values: [1, 2], written: 1 },
        { name: 'right', values: [2, 3], written: 3 },
      ]),
    ).toEqual([
      { value: 1, name: 'left' },
      { value: 3, name: 'right' },
    ]);
  });

  it('are measured as unions', () => {
    const truth = [1, 1, 2, 3, 0, 0];
    const prediction = [1, 2, 3, 3, 0, 3];
    const dice = (regions?: ReadonlyMap<number, readonly number[]>) =>
      compareLabels(truth, prediction, [6, 1, 1], [1, 1, 1], [1, 2, 3], { regions }).map((row) => row.dice);
    expect(dice()).toEqual([2 / 3, 0, 0.5]);
    expect(dice(regionsOf(tumour))).toEqual([8 / 9, 2 / 3, 0.5]);
  });
});
