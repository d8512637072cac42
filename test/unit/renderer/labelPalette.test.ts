import { describe, expect, it } from 'vitest';
import { labelPalette as palette } from '#shared/domain/labelPalette.ts';

/** OKLab of '#rrggbb' (Ottosson 2020): distances in it are about as large as they look. */
function oklab(colour: string): readonly [number, number, number] {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

describe('the colours of labels', () => {
  it('are enough for 117 labels, each unlike every other', () => {
    expect(palette.length).toBeGreaterThanOrEqual(117);
    const all = palette.map(oklab);
    let nearest = Infinity;
    all.forEach((a, at) => {
      for (const b of all.slice(0, at)) nearest = Math.min(nearest, Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    });
    // A just noticeable difference is about 0.02.
    expect(nearest).toBeGreaterThan(0.05);
  });
});
