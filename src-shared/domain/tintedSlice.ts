/** How a slice with its labels is shown where a mask is to be accepted: in the window and on a sheet. */
import type { Label } from './labelSet.ts';

/** Of a labelled pixel. */
const strength = 0.5;

/** RGBA, one pixel after the other; `mask` holds label values. A label that is not in the list is white. */
export function tintedSlice(
  gray: Uint8Array,
  mask: Uint8Array,
  labels: readonly Pick<Label, 'value' | 'color'>[],
): Uint8ClampedArray<ArrayBuffer> {
  const picture = new Uint8ClampedArray(4 * gray.length);
  const colors = new Map(labels.map(({ value, color }) => [value, Number.parseInt(color.slice(1), 16)]));
  for (let n = 0; n < gray.length; n++) {
    const shade = gray[n] ?? 0;
    const label = mask[n] ?? 0;
    const color = label === 0 ? null : (colors.get(label) ?? 0xffffff);
    for (const channel of [0, 1, 2]) {
      const tint = color === null ? shade : (color >> (16 - 8 * channel)) & 255;
      picture[4 * n + channel] = shade + (tint - shade) * strength;
    }
    picture[4 * n + 3] = 255;
  }
  return picture;
}
