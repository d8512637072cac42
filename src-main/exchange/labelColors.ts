import { labelPalette, paletteColor } from '#shared/domain/labelPalette.ts';
import type { Label } from '#shared/domain/labelSet.ts';

/** The colour of a label of this value where nobody chose one. */
export function colorFor(value: number): string {
  return paletteColor(value - 1);
}

/** A colour that no label has, as long as there are enough. */
export function freshColor(labels: readonly Label[], value: number): string {
  return labelPalette.find((color) => !labels.some((label) => label.color.toLowerCase() === color)) ?? colorFor(value);
}
