import { describe, expect, it } from 'vitest';
import { atOnce, inTurns } from '#shared/base/steps.ts';

describe('work in steps', () => {
  function* work(done: string[]): Generator<void, string> {
    for (const step of ['a', 'b']) {
      done.push(step);
      yield;
    }
    return 'all';
  }

  it('comes to the same at once and with something else between the steps, which may end it', async () => {
    expect(atOnce(work([]))).toBe('all');
    const done: string[] = [];
    expect(await inTurns(work(done), () => Promise.resolve(void done.push('-')))).toBe('all');
    expect(done.join('')).toBe('a-b-');
    const cut: string[] = [];
    await expect(inTurns(work(cut), () => Promise.reject(new Error('enough')))).rejects.toThrow('enough');
    expect(cut).toEqual(['a']);
  });
});
