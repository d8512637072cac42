/** A label (class) that voxels may carry. Value 0 is always background and is not listed. */
export interface Label {
  /** 1..255, unique in its set: what is stored in masks. */
  readonly value: number;
  readonly name: string;
  /** '#rrggbb' */
  readonly color: string;
  /** A locked label is not overwritten by other labels' edits. */
  readonly locked: boolean;
}

export interface LabelSet {
  readonly labels: readonly Label[];
}
