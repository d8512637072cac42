import { describe, expect, it } from 'vitest';
import { logitWindowStarts } from '#main/inference/nnunet/logitWindows.ts';
import { HalfRounding, toHalf } from '#main/inference/nnunet/half.ts';
import { preprocess } from '#main/inference/nnunet/preprocess.ts';
import { linearSampler, resizeChannel, resizedShape, roundHalfEven, separateAxis } from '#main/inference/nnunet/resize.ts';

const cubic = { order: 3, orderZ: 0, separateZ: null } as const;

describe('resizing as nnU-Net does it', () => {
  it('rounds half to even', () => {
    expect([0.5, 1.5, 2.5, 2.4999, 3.7].map(roundHalfEven)).toEqual([0, 2, 2, 2, 4]);
    expect(resizedShape([5, 5, 7], [1, 3, 1], [2, 2, 1])).toEqual([2, 8, 7]);
  });

  it('takes an axis by itself where it is more than three times as coarse, and none where two are', () => {
    expect(separateAxis(cubic, [5, 1, 1], [1, 1, 1])).toBe(0);
    expect(separateAxis(cubic, [1, 1, 1], [1, 1, 4])).toBe(2);
    expect(separateAxis(cubic, [3, 1, 1], [1, 1, 1])).toBeUndefined();
    expect(separateAxis(cubic, [5, 5, 1], [1, 1, 1])).toBeUndefined();
  });

  it('keeps what is even, and the range of what is not', () => {
    const even = resizeChannel(new Float32Array(60).fill(3), [3, 4, 5], [6, 5, 4], cubic, [1, 1, 1], [1, 1, 1]);
    expect(even.every((value) => Math.abs(value - 3) < 1e-5)).toBe(true);
    const edge = Float32Array.from({ length: 10 }, (_unused, at) => (at < 5 ? 0 : 1));
    const wider = resizeChannel(edge, [1, 1, 10], [1, 1, 23], cubic, [1, 1, 1], [1, 1, 1]);
    expect(Math.min(...wider)).toBe(0);
    expect(Math.max(...wider)).toBe(1);
  });

  it('follows a line exactly inside, by splines and linearly', () => {
    const ramp = Float32Array.from({ length: 24 }, (_unused, at) => at);
    const twice = resizeChannel(ramp, [1, 1, 24], [1, 1, 48], cubic, [1, 1, 1], [1, 1, 1]);
    for (let at = 16; at < 32; at++) expect(twice[at]).toBeCloseTo((at + 0.5) / 2 - 0.5, 4);
    expect([...linearSampler(2, 4).share]).toEqual([0, 0.25, 0.75, 0]);
    expect([...linearSampler(4, 8, true).low]).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });
});

describe('windows and half precision', () => {
  it('spreads windows in equal steps', () => {
    expect(logitWindowStarts(40, 32, 0.5)).toEqual([0, 8]);
    expect(logitWindowStarts(53, 40, 0.5)).toEqual([0, 13]);
    expect(logitWindowStarts(98, 48, 0.5)).toEqual([0, 17, 33, 50]);
    expect(logitWindowStarts(10, 32, 0.5)).toEqual([0]);
  });

  it('rounds as IEEE 754 does', () => {
    const values = Float32Array.of(1.0004882, 1.0014648, 0.33325, -7.1234, 3e-7, 5.96e-8, 2.9e-8, 10, 0);
    const rounding = new HalfRounding(values.slice());
    rounding.round();
    expect([...rounding.values].map(Math.abs)).toEqual([...values].map((value) => toHalf(Math.abs(value))));
  });
});

describe('preprocessing', () => {
  it('crops to what is not zero, fills what is enclosed, and normalises inside the mask alone', () => {
    const data = new Float32Array(7 * 7 * 7);
    for (let z = 1; z < 6; z++) for (let y = 1; y < 6; y++) for (let x = 1; x < 6; x++) data[(z * 7 + y) * 7 + x] = 1 + ((x + y + z) % 3);
    data[(3 * 7 + 3) * 7 + 3] = 0;
    const image = { grid: { size: [7, 7, 7], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] }, data } as const;
    const result = preprocess([image], {
      orientation: 'stored',
      transpose: [0, 1, 2],
      spacing: [1, 1, 1],
      patch: [4, 4, 4],
      channels: [{ name: 'MR', normalisation: { scheme: 'zscore', masked: true } }],
      resampleImage: cubic,
      resampleLogits: { order: 1, orderZ: 0, separateZ: null },
      output: { kind: 'labels', values: [0, 1] },
    });
    expect(result.box).toEqual({ start: [1, 1, 1], size: [5, 5, 5] });
    const [channel = new Float32Array(0)] = result.channels;
    expect(Math.abs(channel.reduce((sum, value) => sum + value, 0))).toBeLessThan(1e-4);
    expect(channel[62]).toBeLessThan(-1);
  });
});
