import { regionVoxels } from './region.ts';

/** Not lent at the moment: each as long as the largest region. */
const idle: Float32Array[] = [];

/**
 * Lends arrays of `length` numbers, whatever they hold, while `use` runs; nothing of them may be kept. Fresh memory can take longer than
 * what is done with it, and someone waits.
 */
export function borrowed<T>(count: number, length: number, use: (arrays: readonly Float32Array[]) => T): T {
  const lent = Array.from({ length: count }, () => {
    const known = idle.pop();
    return known !== undefined && known.length >= length ? known : new Float32Array(Math.max(length, regionVoxels ** 3));
  });
  try {
    return use(lent.map((array) => array.subarray(0, length)));
  } finally {
    idle.push(...lent);
  }
}
