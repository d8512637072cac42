import { afterEach, describe, expect, it, vi } from 'vitest';
import { BudgetClock } from '#main/training/budgetClock.ts';
import { collapsedClasses } from '#main/training/guards.ts';
import { learningRate } from '#main/training/schedule.ts';

describe('learningRate', () => {
  it('rises linearly, peaks after the warm-up and falls by half a cosine', () => {
    expect(learningRate(2, 0.1, 0.05)).toBeCloseTo(1, 9);
    expect(learningRate(2, 0.1, 0.1)).toBeCloseTo(2, 9);
    expect(learningRate(2, 0.1, 0.55)).toBeCloseTo(1, 9);
    expect(learningRate(2, 0.1, 1)).toBeCloseTo(2e-5, 9);
    const values = Array.from({ length: 50 }, (_, at) => learningRate(1, 0.1, 0.1 + (0.9 * at) / 50));
    expect(values).toEqual([...values].sort((a, b) => b - a));
  });
});

describe('BudgetClock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('counts steps, or seconds with those of earlier attempts', () => {
    vi.useFakeTimers(); // a clock of its own: a busy machine may stop a process for seconds
    const steps = new BudgetClock({ steps: 200 }, 1000);
    expect(steps.fraction(50)).toBe(0.25);
    expect(steps.seconds).toBe(1000);
    const minutes = new BudgetClock({ minutes: 10 }, 240);
    vi.advanceTimersByTime(60_000);
    expect(minutes.fraction(0)).toBeCloseTo(0.5, 9);
    expect(minutes.fraction(0, 100)).toBeCloseTo(0.6, 9);
    expect(minutes.remaining(0)).toBeCloseTo(300, 6);
    expect(new BudgetClock({ minutes: 1 }, 100).fraction(0)).toBe(1);
  });
});

describe('collapsedClasses', () => {
  const row = (label: number, dice: number | null, cases = 3) => ({ label, cases, dice, hd95: null, volumeError: null });

  it('names each class that is there and not found, with a likely cause', () => {
    const found = collapsedClasses(
      [row(1, 0.5), row(2, 0), row(3, 0.001), row(4, null, 0), row(5, 0)],
      [
        { name: 'a', trainingCases: 9 },
        { name: 'b', trainingCases: 0 },
        { name: 'c', trainingCases: 1 },
        { name: 'd', trainingCases: 0 },
        { name: 'e', trainingCases: 9 },
      ],
    );
    expect(found.map(({ name }) => name)).toEqual(['b', 'c', 'e']);
    expect(found[0]?.message).toMatch(/No training case holds it/);
    expect(found[1]?.message).toMatch(/Only 1 training case holds it/);
    expect(found[2]?.message).toMatch(/mixed up/);
  });
});
