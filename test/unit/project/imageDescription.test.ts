import { describe, expect, it } from 'vitest';
import { intensitiesOf, windowsFor } from '#main/project/imageDescription.ts';

describe('windows to begin with', () => {
  const hounsfield = intensitiesOf(Int16Array.from({ length: 2000 }, (_unused, index) => index - 1000));
  const magnetic = intensitiesOf(Int16Array.from({ length: 2000 }, (_unused, index) => index));

  it('offers soft tissue first for CT, also where the file does not say so', () => {
    expect(windowsFor('CT', magnetic)[0]?.name).toBe('Soft tissue');
    expect(windowsFor('unknown', hounsfield)[0]).toEqual({ name: 'Soft tissue', low: -160, high: 240 });
  });

  it('takes percentiles for everything else', () => {
    expect(windowsFor('unknown', magnetic)[0]).toEqual({ name: 'Automatic', low: 10, high: 1989 });
    expect(windowsFor('MR', hounsfield)[0]?.name).toBe('Automatic');
  });
});
