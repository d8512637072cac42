import type { LabelSet } from '#shared/domain/labelSet.ts';

/** The axes (0: i) along which what is labelled may be mirrored: left and right, unless a label, or where labels lie (`oneSided`), tells them apart. */
export function mirrorAxesFor(labelSet: LabelSet, { oneSided }: { readonly oneSided?: true } = {}): readonly (0 | 1 | 2)[] {
  return oneSided || labelSet.labels.some(({ name }) => /left|right|(^|[^a-z])(l|r)([^a-z]|$)/i.test(name)) ? [] : [0];
}
