import type { LabelVolume } from '#shared/geometry/grid.ts';
import { boxSize, unionBox, type Box } from '#shared/segmentation/index.ts';

/** Voxels of a box, i fastest. */
export interface Patch {
  readonly box: Box;
  readonly data: Uint8Array;
}

/** Boxes that are remembered one by one before they are joined. */
const separateBoxes = 32;

/** What changed of a mask since a worker was told. */
export class ChangedBoxes {
  #boxes: Box[] = [];

  add(box: Box): void {
    this.#boxes.push(box);
    if (this.#boxes.length > separateBoxes) this.#boxes = [this.#boxes.reduce<Box | null>(unionBox, null) as Box];
  }

  clear(): void {
    this.#boxes = [];
  }

  /** The boxes as they are in the mask now; they count as told. */
  take(mask: LabelVolume): readonly Patch[] {
    const boxes = this.#boxes;
    this.#boxes = [];
    return boxes.map((box) => patchOf(mask, box));
  }
}

function patchOf({ data: from, grid }: LabelVolume, box: Box): Patch {
  const [ni, nj] = grid.size;
  const [width, height, depth] = boxSize(box);
  const data = new Uint8Array(width * height * depth);
  let at = 0;
  for (let k = box.lower[2]; k < box.upper[2]; k++) {
    for (let j = box.lower[1]; j < box.upper[1]; j++, at += width) {
      const start = box.lower[0] + ni * (j + nj * k);
      data.set(from.subarray(start, start + width), at);
    }
  }
  return { box, data };
}

/** Writes a patch into another copy of the mask. */
export function place(mask: LabelVolume, { box, data }: Patch): void {
  const [ni, nj] = mask.grid.size;
  const [width] = boxSize(box);
  let at = 0;
  for (let k = box.lower[2]; k < box.upper[2]; k++) {
    for (let j = box.lower[1]; j < box.upper[1]; j++, at += width) {
      mask.data.set(data.subarray(at, at + width), box.lower[0] + ni * (j + nj * k));
    }
  }
}
