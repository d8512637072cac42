import type { Overlap } from '#shared/domain/overlap.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Combination } from '#main/imageio/readImage.ts';

/** A part of a mask on its image's voxels, and what its values and codes stand for. */
export interface LaidPart {
  readonly data: Uint8Array | Uint16Array;
  readonly combinations: readonly Combination[];
  /** Label (its key) by value. */
  readonly keys: ReadonlyMap<number, string>;
}

const mostSets = 65535;

/** Where the labels of a mask, in one file or in several, lie over each other. */
export class MaskOverlaps {
  /** Sets of labels that occur together; 0 is the empty one. */
  readonly #sets: (readonly string[])[] = [[]];
  readonly #numbers = new Map<string, number>([['', 0]]);
  #first: { readonly data: Uint8Array | Uint16Array; readonly sets: Uint16Array } | null = null;
  #laid: Uint16Array | null = null;

  add(part: LaidPart): void {
    const sets = this.#setsOf(part);
    if (this.#first === null) {
      this.#first = { data: part.data, sets };
      return;
    }
    const { data: before, sets: own } = this.#first;
    const laid = (this.#laid ??= Uint16Array.from(before, (value) => own[value] as number));
    const joined = new Map<number, number>();
    for (let n = 0; n < laid.length; n++) {
      const added = sets[part.data[n] as number] as number;
      if (added === 0) continue;
      const was = laid[n] as number;
      if (was === 0) laid[n] = added;
      else if (was !== added) {
        const pair = was * (mostSets + 1) + added;
        let set = joined.get(pair);
        if (set === undefined) joined.set(pair, (set = this.#numberOf([...(this.#sets[was] ?? []), ...(this.#sets[added] ?? [])])));
        laid[n] = set;
      }
    }
  }

  /** The overlaps, and how many voxels each label has with what it shares. */
  count(): { readonly overlaps: readonly Overlap[]; readonly voxels: ReadonlyMap<string, number> } {
    const counts = new Float64Array(this.#sets.length);
    if (this.#laid !== null) for (const set of this.#laid) counts[set] = (counts[set] as number) + 1;
    else if (this.#first !== null) {
      const { data, sets } = this.#first;
      for (const value of data) {
        const set = sets[value] as number;
        counts[set] = (counts[set] as number) + 1;
      }
    }
    const voxels = new Map<string, number>();
    const overlaps: Overlap[] = [];
    this.#sets.forEach((labels, set) => {
      const count = counts[set] as number;
      if (count === 0) return;
      for (const label of labels) voxels.set(label, (voxels.get(label) ?? 0) + count);
      if (labels.length > 1) overlaps.push({ labels, voxels: count });
    });
    return { overlaps, voxels };
  }

  /** By value or code, the set that it stands for. */
  #setsOf({ keys, combinations }: LaidPart): Uint16Array {
    const sets = new Uint16Array(65536);
    for (const [value, key] of keys) sets[value] = this.#numberOf([key]);
    for (const { code, values } of combinations) sets[code] = this.#numberOf(values.flatMap((value) => keys.get(value) ?? []));
    return sets;
  }

  #numberOf(labels: readonly string[]): number {
    const distinct = [...new Set(labels)].sort();
    const key = distinct.join('\n');
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#sets.length > mostSets)
      throw new StudioError(
        'unsupported',
        'The masks of this image overlap in more ways than can be told apart. Import fewer of them together.',
      );
    this.#numbers.set(key, this.#sets.length);
    return this.#sets.push(distinct) - 1;
  }
}
