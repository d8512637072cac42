import { paletteColor } from './labelPalette.ts';

/** A label (class) that voxels may carry. Value 0 is always background and is not listed. */
export interface Label {
  /** 1..255, unique in its set: what is stored in masks. */
  readonly value: number;
  readonly name: string;
  /** '#rrggbb' */
  readonly color: string;
  /** A locked label is not overwritten by other labels' edits. */
  readonly locked: boolean;
  /** The value of the label that it lies inside of: its voxels are of that one's region, too. */
  readonly inside?: number;
}

export interface LabelSet {
  readonly labels: readonly Label[];
}

/** A label set of names, values and what lies inside what. */
export function labelSetFrom(labels: readonly Pick<Label, 'value' | 'name' | 'inside'>[]): LabelSet {
  return {
    labels: labels.map(({ value, name, inside }, index) => ({
      value,
      name,
      ...(inside !== undefined && { inside }),
      color: paletteColor(index),
      locked: false,
    })),
  };
}

/** The name of a value, made up where the set has none. */
export function labelName({ labels }: LabelSet, value: number): string {
  return labels.find((label) => label.value === value)?.name ?? `Label ${value}`;
}

/** What names of one label have in common: "Left_Kidney" is "left kidney". */
export function sameLabel(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_.-]+/g, ' ')
    .trim();
}

/** A label of this name stands for voxels that nobody marked, as in nnU-Net: it is no structure, and nothing is learned from them. */
const ignoreName = 'ignore';

/** A label set without the label that stands for unmarked voxels, and that label's value where there is one. */
export function splitIgnored({ labels }: LabelSet): { readonly labelSet: LabelSet; readonly ignore: number | undefined } {
  const isIgnore = ({ name }: Label): boolean => name.trim().toLowerCase() === ignoreName;
  return { labelSet: { labels: labels.filter((label) => !isIgnore(label)) }, ignore: labels.find(isIgnore)?.value };
}
