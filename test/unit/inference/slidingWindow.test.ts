import { describe, expect, it } from 'vitest';
import { slidingWindow, type PatchPredictor } from '#main/inference/slidingWindow.ts';
import type { Triple } from '#shared/geometry/grid.ts';

/** Says class 1 where the intensity is above a half, as surely as the intensity is far from it. Knows nothing of positions. */
function threshold(patch: Triple): PatchPredictor & { calls: number } {
  const voxels = patch[0] * patch[1] * patch[2];
  return {
    classes: 2,
    patch,
    calls: 0,
    predict(image) {
      this.calls++;
      const out = new Float32Array(2 * voxels);
      image.forEach((value, at) => {
        out[at] = 1 - value;
        out[voxels + at] = value;
      });
      return Promise.resolve(out);
    },
    dispose: () => undefined,
  };
}

function volume(size: Triple): Float32Array {
  return Float32Array.from({ length: size[0] * size[1] * size[2] }, (_, at) => ((at * 2654435761) % 1000) / 1000);
}

describe('slidingWindow', () => {
  const sizes: Triple[] = [
    [40, 35, 50],
    [10, 9, 7],
    [16, 16, 16],
    [17, 64, 5],
  ];
  it.each(sizes)('blends windows so that a pointwise network gives its pointwise answer (%i×%i×%i)', async (...size) => {
    const data = volume(size);
    const { classes, uncertainty } = await slidingWindow(data, size, threshold([16, 32, 16]), { overlap: 0.4, uncertainty: true });
    data.forEach((value, at) => {
      if (Math.abs(value - 0.5) > 1e-4) expect(classes[at]).toBe(value > 0.5 ? 1 : 0);
      const p = Math.min(1 - 1e-12, Math.max(1e-12, value));
      expect(
        Math.abs((uncertainty?.[at] ?? -9) - (255 * -(p * Math.log(p) + (1 - p) * Math.log(1 - p))) / Math.log(2)),
      ).toBeLessThanOrEqual(0.51);
    });
  });

  it('predicts mirrored copies where asked for and gets the same answer from a pointwise network', async () => {
    const size: Triple = [20, 20, 20];
    const plain = threshold([16, 16, 16]);
    const turned = threshold([16, 16, 16]);
    const a = await slidingWindow(volume(size), size, plain);
    const b = await slidingWindow(volume(size), size, turned, { mirrorAxes: [0, 1] });
    expect(b.classes).toEqual(a.classes);
    expect(turned.calls).toBe(4 * plain.calls);
  });

  it('hands over all channels of a window, mirrored alike, and asks about it where any of them varies', async () => {
    const size: Triple = [20, 20, 20];
    const [first, second] = [volume(size), volume(size).reverse()];
    const data = new Float32Array([...first, ...second]);
    // The mean of both channels: it sees if they were not mirrored together.
    const mean: PatchPredictor & { calls: number } = {
      ...threshold([16, 16, 16]),
      channels: 2,
      predict(image) {
        this.calls++;
        const out = new Float32Array(image.length);
        for (let at = 0; at < 16 ** 3; at++) {
          const value = ((image[at] as number) + (image[16 ** 3 + at] as number)) / 2;
          out[at] = 1 - value;
          out[16 ** 3 + at] = value;
        }
        return Promise.resolve(out);
      },
    };
    const { classes } = await slidingWindow(data, size, mean, { mirrorAxes: [0, 2] });
    first.forEach((value, at) => {
      const both = (value + (second[at] as number)) / 2;
      if (Math.abs(both - 0.5) > 1e-4) expect(classes[at]).toBe(both > 0.5 ? 1 : 0);
    });
    mean.calls = 0;
    await slidingWindow(new Float32Array([...new Float32Array(8000).fill(3), ...second]), size, mean);
    expect(mean.calls).toBe(8);
    await slidingWindow(new Float32Array(16000).fill(3), size, mean);
    expect(mean.calls).toBe(8);
  });

  it('does not ask the network about empty windows', async () => {
    const predictor = threshold([16, 16, 16]);
    const { classes } = await slidingWindow(new Float32Array(32 ** 3).fill(3), [32, 32, 32], predictor);
    expect(predictor.calls).toBe(0);
    expect(classes.every((value) => value === 0)).toBe(true);
  });

  it('stops when cancelled', async () => {
    const cancellation = { aborted: false };
    const run = slidingWindow(volume([64, 64, 64]), [64, 64, 64], threshold([16, 16, 16]), {
      cancellation,
      onProgress: (done) => {
        if (done > 0.1) cancellation.aborted = true;
      },
    });
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('reports progress up to one', async () => {
    const seen: number[] = [];
    await slidingWindow(volume([33, 16, 16]), [33, 16, 16], threshold([16, 16, 16]), { onProgress: (fraction) => seen.push(fraction) });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
});
