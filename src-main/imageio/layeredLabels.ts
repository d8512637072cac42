import { frontLabel, lossesOf, lossText, smallestFirst, type Overlap } from '#shared/domain/overlap.ts';
import { invalidFile } from './failure.ts';

/** Where several labels lie over each other, a voxel holds a code, which no label has as its value, and which stands for their values. */
export interface Combination {
  readonly code: number;
  readonly values: readonly number[];
}

const highest = 65535;

/** One volume that labels are laid into one after the other, and that keeps where they overlap. */
export class LayeredLabels {
  readonly data: Uint16Array;
  readonly #path: string;
  readonly #values: ReadonlySet<number>;
  /** Of a voxel that held the first and gets the second; keys hold both. */
  readonly #next = new Map<number, number>();
  readonly #members = new Map<number, readonly number[]>();
  readonly #codes = new Map<string, number>();
  #free = highest;

  /** `values`: all that will be laid, 1 to 65,535. `path`: for what is said where there are too many overlaps. */
  constructor(path: string, voxels: number, values: Iterable<number>) {
    this.#path = path;
    this.data = new Uint16Array(voxels);
    this.#values = new Set(values);
  }

  lay(at: number, value: number): void {
    const before = this.data[at] as number;
    if (before === 0) this.data[at] = value;
    else if (before !== value) this.data[at] = this.#next.get(before * (highest + 1) + value) ?? this.#combined(before, value);
  }

  get combinations(): Combination[] {
    return [...this.#members].map(([code, values]) => ({ code, values }));
  }

  #combined(before: number, value: number): number {
    const values = this.#members.get(before) ?? [before];
    const all = values.includes(value) ? values : [...values, value].sort((a, b) => a - b);
    const key = all.join();
    let code = this.#codes.get(key);
    if (code === undefined) {
      while (this.#values.has(this.#free)) this.#free--;
      if (this.#free < 1) throw invalidFile(this.#path, 'holds segments that overlap in more ways than can be told apart.');
      code = this.#free--;
      this.#codes.set(key, code);
      this.#members.set(code, all);
    }
    this.#next.set(before * (highest + 1) + value, code);
    return code;
  }
}

/** Gives every voxel that holds several labels to the one of the fewest voxels, in place. Returns a sentence for each that loses some. */
export function withoutOverlaps(
  data: Uint8Array | Uint16Array,
  combinations: readonly Combination[],
  nameOf: (value: number) => string,
): string[] {
  if (combinations.length === 0) return [];
  const counts = new Uint32Array(highest + 1);
  for (let n = 0; n < data.length; n++) counts[data[n] as number] = (counts[data[n] as number] as number) + 1;
  const overlaps = combinations.map(({ code, values }): Overlap<number> => ({ labels: values, voxels: counts[code] ?? 0 }));
  const voxels = new Map<number, number>();
  for (const value of new Set(combinations.flatMap(({ values }) => values)))
    voxels.set(
      value,
      overlaps.reduce((sum, { labels, voxels: count }) => sum + (labels.includes(value) ? count : 0), counts[value] ?? 0),
    );
  const order = smallestFirst(voxels);
  const winner = new Map(combinations.map(({ code, values }) => [code, frontLabel(values, order) ?? 0]));
  for (let n = 0; n < data.length; n++) {
    const owner = winner.get(data[n] as number);
    if (owner !== undefined) data[n] = owner;
  }
  return lossesOf(overlaps, order).map((loss) => lossText(loss, nameOf));
}
