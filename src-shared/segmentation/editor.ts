import { neverCancelled, throwIfCancelled, type Cancellation } from '../base/cancellation.ts';
import { StudioError } from '../base/errors.ts';
import { ignoreProgress, type ReportProgress } from '../base/progress.ts';
import type { LabelSet } from '../domain/labelSet.ts';
import { voxelCount, type LabelVolume, type Volume } from '../geometry/grid.ts';
import { DeltaWriter, revertDelta, type Delta } from './delta.ts';

/** Which present labels an edit may replace. A locked label is only ever replaced by itself. */
export interface EditPolicy {
  readonly overwrite: 'all' | 'background' | readonly number[];
  readonly locked: readonly number[];
  /** Labels that lie inside another one: painting that one leaves them as they are, for they are of its region already. */
  readonly inside?: readonly InnerLabel[];
  /** Where given, erasing takes voxels of these labels alone, and gives them this one. */
  readonly erased?: { readonly labels: readonly number[]; readonly into: number };
}

export interface InnerLabel {
  readonly value: number;
  readonly outer: number;
}

export const freePolicy: EditPolicy = { overwrite: 'all', locked: [] };

/** The policy that a label set's locks ask for. */
export function policyOf(labelSet: LabelSet, overwrite: EditPolicy['overwrite'] = 'all'): EditPolicy {
  const inside = innerLabels(labelSet);
  return {
    overwrite,
    locked: labelSet.labels.filter((label) => label.locked).map((label) => label.value),
    ...(inside.length > 0 && { inside }),
  };
}

export function innerLabels({ labels }: LabelSet): InnerLabel[] {
  return labels.flatMap(({ value, inside }) => (inside === undefined ? [] : [{ value, outer: inside }]));
}

/** All labels that lie inside one, however deep. */
export function innerOf(label: number, inside: readonly InnerLabel[]): number[] {
  const found = [label];
  for (const outer of found) found.push(...inside.filter((each) => each.outer === outer).map(({ value }) => value));
  return found.slice(1);
}

/** The policy of erasing a label: what lies inside another one is given to that, which stays whole. */
export function erasingPolicy(policy: EditPolicy, label: number): EditPolicy {
  const { inside = [] } = policy;
  const into = inside.find(({ value }) => value === label)?.outer;
  return into === undefined ? policy : { ...policy, erased: { labels: [label, ...innerOf(label, inside)], into } };
}

/** The policy without what labels inside others ask for: a mask is written as it is given. */
export function exactPolicy({ overwrite, locked }: EditPolicy): EditPolicy {
  return { overwrite, locked };
}

/** What an operation works on. `image` and `threshold` limit it to voxels whose intensity lies in [low, high]. */
export interface EditTarget {
  readonly volume: LabelVolume;
  readonly policy: EditPolicy;
  /** Intensities on the same grid size as the volume. */
  readonly image?: Volume;
  readonly threshold?: { readonly low: number; readonly high: number };
  readonly cancellation?: Cancellation;
  readonly progress?: ReportProgress;
}

/** Throws `cancelled`, otherwise reports. Operations call it per slice. */
export function tick(target: EditTarget, phase: string, fraction: number): void {
  throwIfCancelled(target.cancellation ?? neverCancelled);
  (target.progress ?? ignoreProgress)({ phase, fraction });
}

/** The image of the target; throws `invalid-argument` where it is missing or of another size. */
export function imageOf(target: EditTarget): Volume {
  const { image } = target;
  if (image === undefined) throw new StudioError('invalid-argument', 'This tool needs the image; open the case first.');
  if (image.data.length !== target.volume.data.length) throw new StudioError('invalid-argument', 'The image and the mask differ in size.');
  return image;
}

/** Writes labels under a policy and records what changed. Spans come in ascending memory order. */
export class Editor {
  readonly #target: EditTarget;
  readonly #writable: Uint8Array;
  readonly #writer: DeltaWriter;
  /** By label that is written, 1 for those inside it. */
  readonly #kept = new Map<number, Uint8Array | null>();

  constructor(target: EditTarget) {
    const { volume, policy } = target;
    if (volume.data.length !== voxelCount(volume.grid)) throw new StudioError('invalid-argument', 'The mask and its grid differ in size.');
    this.#target = target;
    this.#writable = writableTable(volume, policy);
    this.#writer = new DeltaWriter(volume.grid.size);
  }

  /** Whether a voxel that carries `label` may be replaced. */
  mayReplace(label: number): boolean {
    return this.#writable[label] === 1;
  }

  /** Gives voxels [start, end) the label where policy and threshold allow. */
  write(start: number, end: number, label: number): void {
    const { image, threshold } = this.#target;
    if (threshold === undefined) {
      this.#writeAll(start, end, label);
      return;
    }
    const values = (image ?? imageOf(this.#target)).data;
    const { low, high } = threshold;
    for (let at = start; at < end; at++) {
      const value = values[at] as number;
      if (value >= low && value <= high) this.#writeAll(at, at + 1, label);
    }
  }

  #writeAll(start: number, end: number, wanted: number): void {
    const { data } = this.#target.volume;
    const { erased } = this.#target.policy;
    const writable = this.#writable;
    const kept = this.#keptUnder(wanted);
    const label = wanted === 0 && erased !== undefined ? erased.into : wanted;
    let at = start;
    while (at < end) {
      const before = data[at] as number;
      const from = at;
      do at++;
      while (at < end && data[at] === before);
      if (before === label || writable[before] !== 1 || kept?.[before] === 1) continue;
      data.fill(label, from, at);
      this.#writer.record(from, at, before, label);
    }
  }

  /** By label, 1 for those that writing this one leaves as they are; null: none. */
  #keptUnder(label: number): Uint8Array | null {
    const known = this.#kept.get(label);
    if (known !== undefined) return known;
    const { inside = [], erased } = this.#target.policy;
    const table = new Uint8Array(0x1_0000);
    let any = false;
    if (label === 0 && erased !== undefined) {
      table.fill(1);
      for (const value of erased.labels) table[value] = 0;
      any = true;
    } else if (label !== 0) {
      for (const value of innerOf(label, inside)) {
        table[value] = 1;
        any = true;
      }
    }
    const made = any ? table : null;
    this.#kept.set(label, made);
    return made;
  }

  finish(): Delta {
    return this.#writer.finish();
  }
}

/** Runs `body` with an editor on the target; if it throws, the volume is as it was. */
export function edit(target: EditTarget, body: (editor: Editor) => void): Delta {
  const editor = new Editor(target);
  try {
    body(editor);
  } catch (error) {
    revertDelta(target.volume, editor.finish());
    throw error;
  }
  return editor.finish();
}

function writableTable(volume: LabelVolume, policy: EditPolicy): Uint8Array {
  const table = new Uint8Array(volume.data.BYTES_PER_ELEMENT === 1 ? 0x100 : 0x1_0000);
  if (policy.overwrite === 'all') table.fill(1);
  else if (policy.overwrite === 'background') table[0] = 1;
  else for (const label of policy.overwrite) table[label] = 1;
  for (const label of policy.locked) table[label] = 0;
  return table;
}

/** Throws `invalid-argument` unless the mask can store the label. */
export function checkLabel(volume: LabelVolume, label: number): void {
  const limit = volume.data.BYTES_PER_ELEMENT === 1 ? 0xff : 0xffff;
  if (!Number.isInteger(label) || label < 0 || label > limit)
    throw new StudioError('invalid-argument', `The label ${label} is not between 0 and ${limit}.`);
}
