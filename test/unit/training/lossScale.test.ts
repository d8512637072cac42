import { describe, expect, it } from 'vitest';
import { LossScale } from '#main/training/lossScale.ts';

describe('the loss scale', () => {
  it('is halved by every overflow, down to one, where there is nothing left to halve', () => {
    const scale = new LossScale();
    const first = scale.factor;
    expect(scale.stands(false)).toBe(false);
    expect(scale.factor).toBe(first / 2);
    while (scale.factor > 1) expect(scale.stands(false)).toBe(false);
    expect(scale.stands(false)).toBe(true);
    expect(scale.factor).toBe(1);
  });

  it('is doubled after many good steps in a row, and no further than it is good for', () => {
    const scale = new LossScale();
    const first = scale.factor;
    const goodSteps = (): number => {
      let steps = 0;
      for (const before = scale.factor; scale.factor === before; steps++) scale.stands(true);
      return steps;
    };
    const patience = goodSteps();
    expect(scale.factor).toBe(2 * first);
    for (let step = 1; step < patience; step++) scale.stands(true);
    scale.stands(false); // begins to count again
    expect(goodSteps()).toBe(patience);
    for (let step = 0; step < 40 * patience; step++) scale.stands(true);
    expect(scale.factor).toBe(2 ** 24);
  });

  it('resumes from a checkpoint where it stood', () => {
    const [a, b] = [new LossScale(), new LossScale()];
    a.stands(false);
    for (let step = 0; step < 123; step++) a.stands(true);
    b.restore(a.state);
    for (let step = 0; step < 1000; step++) {
      [a, b].forEach((scale) => scale.stands(step % 700 > 0));
      expect(b.factor).toBe(a.factor);
    }
    b.restore(undefined);
    expect(b.factor).toBe(new LossScale().factor);
  });
});
