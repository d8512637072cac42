import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTuning, remember } from '#main/engine/devices/tuningFile.ts';
import {
  candidateId,
  candidates,
  canCompute,
  chooseCandidate,
  leastLimits,
  paddedWork,
  partitionOf,
  shapeClass,
} from '#main/engine/executors/webgpu/kernels/candidates.ts';
import type { ProductShape } from '#main/engine/executors/webgpu/kernels/product.ts';
import { problemShape, tunedChoices, tunedRates, tuningProblems } from '#main/engine/executors/webgpu/tuning.ts';

const head: ProductShape = {
  pass: 'forward',
  kernel: 3,
  stride: 1,
  z: 1,
  m: 14,
  n: 96 ** 3,
  k: 96 * 27,
  volume: { batch: 1, d: 96, h: 96, w: 96 },
};
const strided: ProductShape = { pass: 'forward', kernel: 3, stride: 2, z: 1, m: 128, n: 12 ** 3, k: 64 * 27 };

describe('the way to compute a convolution', () => {
  it('names every candidate differently', () => {
    expect(new Set(candidates.map(candidateId)).size).toBe(candidates.length);
  });

  it('is one that the device has room for', () => {
    const tiny = { bytes: 6200, threads: 128 };
    const able = candidates.filter((candidate) => canCompute(candidate, head, tiny));
    expect(able.length).toBeGreaterThan(0);
    expect(able.length).toBeLessThan(candidates.filter((candidate) => canCompute(candidate, head, leastLimits)).length);
    expect(able).toContain(chooseCandidate(head, () => 1, tiny));
  });

  it('keeps the box of voxels for 3³ convolutions of stride 1', () => {
    expect(candidates.some((candidate) => candidate.kind !== 'gemm' && canCompute(candidate, strided, leastLimits))).toBe(false);
    expect(candidates.some((candidate) => candidate.kind === 'halo' && canCompute(candidate, head, leastLimits))).toBe(true);
  });

  it('is the one measured fastest, padding counted, and never one that computed wrong numbers', () => {
    const [a, b, c] = candidates.filter(
      (candidate) => canCompute(candidate, head, leastLimits) && paddedWork(candidate, head) < 1.2 * 14 * head.n * head.k,
    );
    const tuning = { [shapeClass(head)]: { [candidateId(a!)]: 5, [candidateId(b!)]: 9, [candidateId(c!)]: 0 } };
    expect(chooseCandidate(head, tunedRates(tuning, false), leastLimits)).toBe(b);
    expect(tunedChoices(tuning)).toEqual([{ shapeClass: shapeClass(head), candidate: candidateId(b!), rate: 9 }]);
  });

  it('goes by expectation for classes that were not measured', () => {
    const rates = tunedRates({ [shapeClass(head)]: {} }, false);
    expect(rates(shapeClass(strided), candidates[0]!)).toBe(candidates[0]!.expected);
    expect(rates(shapeClass(head), candidates[0]!)).toBe(0);
  });

  it('loads the input far fewer times with a box than as a matrix', () => {
    const least = (kind: string): number =>
      Math.min(...candidates.filter((candidate) => candidate.kind === kind).map((candidate) => partitionOf(candidate, head)!.loaded));
    expect(least('gemm') / least('halo')).toBeGreaterThan(5);
  });

  it('is tuned on problems of distinct classes', () => {
    expect(new Set(tuningProblems.map((problem) => shapeClass(problemShape(problem)))).size).toBe(tuningProblems.length);
  });
});

describe('remembered tunings', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tuning-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are kept by adapter and driver', async () => {
    const file = join(folder, 'sub', 'gpu-tuning.json');
    await remember(file, 'GPU A (driver 1)', { small: { 'gemm 1': 2 } });
    await remember(file, 'GPU A (driver 2)', { small: { 'gemm 1': 3 } });
    expect(await readTuning(file, 'GPU A (driver 1)')).toEqual({ small: { 'gemm 1': 2 } });
    expect(await readTuning(file, 'GPU A (driver 2)')).toEqual({ small: { 'gemm 1': 3 } });
    expect(await readTuning(file, 'GPU B')).toBeUndefined();
  });

  it.each(['', '{', '[]', '{"GPU A":{"small":{"gemm":"fast"}}}', '{"GPU A":null}'])(
    'read as none from a damaged file: %j',
    async (text) => {
      const file = join(folder, 'gpu-tuning.json');
      writeFileSync(file, text);
      expect(await readTuning(file, 'GPU A')).toBeUndefined();
      await remember(file, 'GPU A', {});
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ 'GPU A': {} });
    },
  );
});
