import { describe, expect, it } from 'vitest';
import { normaliseIntensities } from '#main/inference/intensity.ts';

describe('normaliseIntensities', () => {
  it('clips a window and scales it to 0..1', () => {
    const data = Float32Array.of(-2000, -1000, 0, 1000, 5000);
    normaliseIntensities(data, { kind: 'window', low: -1000, high: 1000 });
    expect([...data]).toEqual([0, 0, 0.5, 1, 1]);
  });

  it('gives mean 0 and deviation 1 after clipping, whatever the scale and outliers of the scanner', () => {
    const normalised = [1, 1e6].map((scale) => {
      const data = Float32Array.from({ length: 5000 }, (_, at) => scale * (100 + 20 * Math.sin(at)));
      data[17] = scale * 1e5;
      normaliseIntensities(data, { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 });
      const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
      expect(mean).toBeCloseTo(0, 3);
      expect(Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length)).toBeCloseTo(1, 3);
      expect(Math.max(...data)).toBeLessThan(2);
      return data;
    });
    normalised[0]?.forEach((value, at) => expect(normalised[1]?.[at]).toBeCloseTo(value, 3));
  });

  it('makes a constant volume zero', () => {
    const data = new Float32Array(50).fill(7);
    normaliseIntensities(data, { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 });
    expect(data.every((value) => value === 0)).toBe(true);
  });

  it('refuses what is not a number', () => {
    expect(() => normaliseIntensities(Float32Array.of(1, NaN), { kind: 'window', low: 0, high: 1 })).toThrow(/not numbers/);
  });
});
