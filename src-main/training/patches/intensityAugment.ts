import { Random } from '#shared/base/random.ts';
import type { Augmentation } from '#shared/domain/trainConfig.ts';
import { randomFactor } from './spatial.ts';

const tableSize = 1 << 16;
let normals: Float32Array | undefined;

/** Standard normal numbers, drawn once: a patch walks through them from a random start, which is far quicker than drawing each. */
function normalTable(): Float32Array {
  if (normals === undefined) {
    const random = new Random(1);
    normals = Float32Array.from({ length: tableSize }, () => random.normal());
  }
  return normals;
}

/**
 * Random contrast, brightness, gamma and noise of one patch, in place. `mean` and `deviation` are those of the case's network intensities.
 */
export function augmentIntensities(random: Random, augmentation: Augmentation, image: Float32Array, mean: number, deviation: number): void {
  const gain = randomFactor(random, augmentation.gain);
  const shift = random.uniform(-1, 1) * augmentation.offset * deviation + mean * (1 - gain);
  const useGamma = random.next() < 0.3;
  const gamma = randomFactor(random, augmentation.gamma);
  const noise = random.next() * augmentation.noise * deviation;
  const start = random.integer(tableSize);
  const stride = random.integer(tableSize / 2) * 2 + 1;
  if (useGamma) applyGamma(image, gamma);
  const table = normalTable();
  for (let at = 0, place = start; at < image.length; at++, place = (place + stride) & (tableSize - 1)) {
    image[at] = (image[at] as number) * gain + shift + noise * (table[place] as number);
  }
}

/** x ← ((x − lowest) / range)^gamma · range + lowest, over the patch's own range, through a table of 1024 steps. */
function applyGamma(image: Float32Array, gamma: number): void {
  let low = Infinity;
  let high = -Infinity;
  for (const value of image) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (high <= low) return;
  const steps = 1024;
  const curve = Float32Array.from({ length: steps + 2 }, (_, step) => low + (high - low) * Math.min(1, step / steps) ** gamma);
  const scale = steps / (high - low);
  for (let at = 0; at < image.length; at++) {
    const place = ((image[at] as number) - low) * scale;
    const cell = Math.floor(place);
    const a = curve[cell] as number;
    image[at] = a + ((curve[cell + 1] as number) - a) * (place - cell);
  }
}
