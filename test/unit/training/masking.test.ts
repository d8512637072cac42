import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { encodeCase } from '#main/training/patches/caseFile.ts';
import { maskSlices, paperMasking } from '#main/training/patches/masking.ts';
import { PretrainBatchMaker } from '#main/training/patches/pretrainBatches.ts';

const size: Triple = [16, 16, 32];
const ones = (): Float32Array => new Float32Array(16 * 16 * 32).fill(1);

describe('masking (section 3.3)', () => {
  it('masks only slices that are in a chain, and 70% of those', () => {
    let [masked, inChain, chained, outside] = [0, 0, 0, 0];
    for (let seed = 0; seed < 200; seed++) {
      const x = ones();
      const slices = maskSlices(x, size, 0, 32, paperMasking, new Random(seed));
      for (let at = 0; at < x.length; at++) {
        if (slices[at % 32] === 1) {
          inChain++;
          if (x[at] === 0) masked++;
        } else if (x[at] !== 1) outside++;
      }
      chained += slices.reduce((sum, value) => sum + value, 0);
    }
    expect(outside).toBe(0);
    expect(masked / inChain).toBeCloseTo(0.7, 1);
    // A slice is free when none of it and its next four was picked: 1 − 0.9^5 of them are in a chain.
    expect(chained / 200 / 32).toBeCloseTo(1 - 0.9 ** 5, 1);
  });

  it('ends chains at picked slices, four before each', () => {
    const one = { ...paperMasking, sliceProbability: 0 }; // none picked: one is
    for (let seed = 0; seed < 20; seed++) {
      const slices = [...maskSlices(ones(), size, 0, 32, one, new Random(seed))];
      const first = slices.indexOf(1);
      const last = slices.lastIndexOf(1);
      expect(slices.reduce((sum, value) => sum + value, 0)).toBe(last - first + 1);
      expect(last - first + 1).toBe(Math.min(5, last + 1));
    }
  });

  it('masks whole patches of one side a slice', () => {
    const x = ones();
    const slices = maskSlices(x, size, 0, 32, { ...paperMasking, patchSides: [8], sliceProbability: 1 }, new Random(5));
    for (let w = 0; w < 32; w++)
      for (const d0 of [0, 8])
        for (const h0 of [0, 8]) {
          expect(slices[w]).toBe(1);
          const values = new Set<number>();
          for (let d = d0; d < d0 + 8; d++) for (let h = h0; h < h0 + 8; h++) values.add(x[(d * 16 + h) * 32 + w] as number);
          expect(values.size).toBe(1);
        }
  });

  it('leaves what lies outside the scan alone', () => {
    for (let seed = 0; seed < 30; seed++) {
      const slices = maskSlices(ones(), size, 10, 14, paperMasking, new Random(seed));
      expect(slices.subarray(0, 10).some((value) => value === 1) || slices.subarray(14).some((value) => value === 1)).toBe(false);
    }
    expect(maskSlices(ones(), size, 5, 5, paperMasking, new Random(0)).some((value) => value === 1)).toBe(false);
  });
});

describe('pre-training batches', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pretrain-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** A case whose intensity is its slice index i; its pseudo-labels are 10·i and 10·i + 1. */
  function scan(name: string, caseSize: Triple) {
    const image = Float32Array.from({ length: caseSize[0] * caseSize[1] * caseSize[2] }, (_, at) => at % caseSize[0]);
    const file = join(folder, `${name}.case`);
    writeFileSync(file, encodeCase(name, caseSize, [1, 1, 1], image, new Uint8Array(image.length)));
    return { file, pseudo: Uint16Array.from({ length: caseSize[0] * 2 }, (_, at) => 10 * (at >> 1) + (at & 1)) };
  }

  it('keep slices and pseudo-labels together, in scans smaller and larger than the patch', () => {
    const patch: Triple = [16, 16, 32];
    const maker = new PretrainBatchMaker({
      cases: [scan('small', [20, 10, 30]), scan('large', [50, 40, 12])],
      batch: 2,
      patch,
      clusterers: 2,
      masking: paperMasking,
      seed: 1,
    });
    for (let step = 0; step < 6; step++) {
      const { x, pseudo, masked } = maker.make(step, true);
      for (let n = 0; n < 2; n++) {
        let inside = 0;
        for (let w = 0; w < 32; w++) {
          if (masked[n * 32 + w] === 0) continue;
          inside++;
          const intensity = x[((n * 16 + 8) * 16 + 8) * 32 + w] as number;
          expect(pseudo[(n * 32 + w) * 2]).toBe(10 * Math.round(intensity));
          expect(pseudo[(n * 32 + w) * 2 + 1]).toBe(10 * Math.round(intensity) + 1);
        }
        expect([20, 32]).toContain(inside);
      }
    }
    maker.dispose();
  });

  it('follow from seed and step alone', () => {
    const cases = [scan('a', [40, 20, 20]), scan('b', [33, 18, 25])];
    const make = (seed: number) =>
      new PretrainBatchMaker({ cases, batch: 2, patch: [16, 16, 16], clusterers: 2, masking: paperMasking, seed });
    const [first, second, other] = [make(1), make(1), make(2)];
    first.make(0);
    expect(first.make(3)).toEqual(second.make(3));
    expect(first.make(3).x).not.toEqual(other.make(3).x);
    for (const maker of [first, second, other]) maker.dispose();
  });
});
