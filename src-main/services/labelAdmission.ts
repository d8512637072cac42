import { StudioError } from '#shared/base/errors.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { getLabelSet, listRemovedLabels, setLabelSet, type Project } from '#main/library/index.ts';

/** Told apart also by people who are colour-blind (Okabe and Ito), then lighter and darker ones. */
const colors = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7', '#ffbf66', '#a6dcff', '#66c2a5', '#fff59d', '#80b1d3', '#ff9e80', '#e7b5d4', '#bcbddc', '#c7e9c0'] as const;

export function colorFor(value: number): string {
  return colors[(value - 1) % colors.length] ?? colors[0];
}

/** A colour that no label has, as long as there are enough. */
export function freshColor(labels: readonly Label[], value: number): string {
  return colors.find((color) => !labels.some((label) => label.color.toLowerCase() === color)) ?? colorFor(value);
}

export interface PresentLabel {
  readonly value: number;
  readonly name?: string;
  readonly color?: string;
}

/**
 * Makes sure that every label value of an incoming mask is in the project's label set. Values that the file or its data set names are
 * added, and with `unnamed` (a project that had no labels) those that nothing names, too. A removed label comes
 * back where the file calls it by its name. Throws `invalid-file` for a value that nothing names, `conflict` for one that meant something else.
 */
export function admitLabels(project: Project, present: readonly PresentLabel[], names: ReadonlyMap<number, string>, unnamed = false): void {
  const { labels } = getLabelSet(project.read);
  const known = new Set(labels.map((label) => label.value));
  const missing = present.filter(({ value }) => !known.has(value));
  if (missing.length === 0) return;
  const tooLarge = missing.find(({ value }) => value > 255);
  if (tooLarge !== undefined) throw new StudioError('invalid-file', `The mask holds the value ${String(tooLarge.value)}; label values go up to 255.`);
  const removed = new Map(listRemovedLabels(project.read).map((label) => [label.value, label.name]));
  const added = missing.map(({ value, name, color }): Label => {
    const said = names.get(value) ?? name ?? (unnamed && !removed.has(value) ? `Label ${String(value)}` : undefined);
    const before = removed.get(value);
    if (before !== undefined && said === undefined) throw new StudioError('invalid-file', `The mask holds the value ${String(value)}, which was “${before}” until that label was removed. Bring the label back, then import again.`);
    if (said === undefined) throw new StudioError('invalid-file', `The mask holds the value ${String(value)}, which is not in the label set. Add a label with this value, then import again.`);
    return { value, name: said.slice(0, 128), color: color !== undefined && /^#[0-9a-f]{6}$/i.test(color) ? color : colorFor(value), locked: false };
  });
  setLabelSet(project.write, { labels: [...labels, ...added].sort((a, b) => a.value - b.value) });
}
