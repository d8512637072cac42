/** Labels of one mask that lie over each other: a voxel can have one of them alone. */

/** Voxels that hold these labels, and no others, at once. */
export interface Overlap<L extends string | number = string> {
  /** Two or more. */
  readonly labels: readonly L[];
  readonly voxels: number;
}

export interface Loss<L extends string | number = string> {
  readonly label: L;
  readonly to: L;
  readonly voxels: number;
}

/** The label of several that has the voxel: the one that comes first in `order`; those that are not in it come behind, as they are given. Undefined where there is none. */
export function frontLabel<L extends string | number>(labels: readonly L[], order: readonly L[]): L | undefined {
  const rank = (label: L): number => {
    const at = order.indexOf(label);
    return at < 0 ? order.length : at;
  };
  return labels.reduce<L | undefined>((front, label) => (front === undefined || rank(label) < rank(front) ? label : front), undefined);
}

/** How many voxels each label loses to each other one when those in front have them; in the order of the losers. */
export function lossesOf<L extends string | number>(overlaps: readonly Overlap<L>[], order: readonly L[]): Loss<L>[] {
  const losses = new Map<L, Map<L, number>>();
  for (const { labels, voxels } of overlaps) {
    const to = frontLabel(labels, order);
    if (to === undefined) continue;
    for (const label of labels) {
      if (label === to) continue;
      const of = losses.get(label) ?? new Map<L, number>();
      of.set(to, (of.get(to) ?? 0) + voxels);
      losses.set(label, of);
    }
  }
  return [...losses].flatMap(([label, of]) => [...of].map(([to, voxels]) => ({ label, to, voxels })));
}

/** The order that is proposed: the label of the fewest voxels in front, so that nothing vanishes in what contains it. */
export function smallestFirst<L extends string | number>(voxels: ReadonlyMap<L, number>): L[] {
  return [...voxels].sort(([, a], [, b]) => a - b).map(([label]) => label);
}

/** What a label loses, in a sentence. */
export function lossText<L extends string | number>({ label, to, voxels }: Loss<L>, nameOf: (label: L) => string): string {
  return `“${nameOf(label)}” loses ${voxels.toLocaleString('en')} ${voxels === 1 ? 'voxel' : 'voxels'} to “${nameOf(to)}”, where both lie.`;
}

/** A label of masks that are to be imported, as far as it matters here. */
interface MappedLabel {
  readonly key: string;
  readonly name: string | null;
  readonly values: readonly number[];
  /** What it becomes; null: it is left out. */
  readonly target: string | null;
}

/** What labels that are taken lose to each other, a sentence each, by what their source calls them; `overlaps` and `order` name keys. */
export function lossSentences(overlaps: readonly Overlap[], order: readonly string[], labels: readonly MappedLabel[]): string[] {
  const byKey = new Map(labels.map((label) => [label.key, label]));
  const targetOf = (key: string): string | null => byKey.get(key)?.target ?? null;
  // A label that is left out takes nothing, and two that become one lose nothing to each other.
  const taken = overlaps
    .map(({ labels: keys, voxels }) => ({ labels: keys.filter((key) => targetOf(key) !== null), voxels }))
    .filter(({ labels: keys }) => keys.length > 1);
  return lossesOf(taken, order)
    .filter(({ label, to }) => targetOf(label) !== targetOf(to))
    .map((loss) =>
      lossText(loss, (key) => {
        const label = byKey.get(key);
        return label?.name ?? String(label?.values[0] ?? key);
      }),
    );
}
