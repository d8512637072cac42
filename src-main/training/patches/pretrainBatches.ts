import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { CaseReader } from './caseFile.ts';
import { maskSlices } from './masking.ts';
import type { MaskingSettings } from './masking.ts';

/** A scan to pre-train on: its case file and, slice by slice along i, its pseudo-labels (slices × clusterers, clusterer fastest). */
export interface PretrainCase {
  readonly file: string;
  readonly pseudo: Uint16Array;
}

export interface PretrainBatchSpecification {
  readonly cases: readonly PretrainCase[];
  readonly batch: number;
  /** Voxels along D, H, W. */
  readonly patch: Triple;
  /** Of the case files; 1 unless given. */
  readonly channels?: number;
  readonly clusterers: number;
  /** Undefined: nothing is masked, every slice of the scan counts (the ablation "without masking"). */
  readonly masking?: MaskingSettings;
  readonly seed: number;
}

/** x (batch, C, D, H, W); pseudo (batch, W, N); masked (batch, W). */
export interface PretrainBatch {
  readonly x: Float32Array;
  readonly pseudo: Int32Array;
  readonly masked: Int32Array;
}

const OPEN_READERS = 64;

/** Makes batch number `step` of a pre-training: a function of the specification and the number alone, so that a resumed run sees the same. */
export class PretrainBatchMaker implements Disposable {
  readonly #specification: PretrainBatchSpecification;
  readonly #readers = new Map<number, CaseReader>();

  constructor(specification: PretrainBatchSpecification) {
    if (specification.cases.length === 0) throw new StudioError('invalid-argument', 'There is no scan to pre-train on; import some first.');
    this.#specification = specification;
  }

  /** `plain`: without masking, whatever the specification says. */
  make(step: number, plain = false): PretrainBatch {
    const { batch, patch, channels = 1, clusterers } = this.#specification;
    const masking = plain ? undefined : this.#specification.masking;
    const voxels = patch[0] * patch[1] * patch[2];
    const made: PretrainBatch = {
      x: new Float32Array(batch * channels * voxels),
      pseudo: new Int32Array(batch * patch[2] * clusterers),
      masked: new Int32Array(batch * patch[2]),
    };
    for (let n = 0; n < batch; n++) this.#one(step * batch + n, n, made, masking);
    return made;
  }

  dispose(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }

  #one(draw: number, n: number, into: PretrainBatch, masking: MaskingSettings | undefined): void {
    const { cases, patch, channels = 1, clusterers, seed } = this.#specification;
    const [depth, height, width] = patch;
    // Every scan once an epoch, in an order of its own.
    const epoch = Math.floor(draw / cases.length);
    const order = new Random(mix(seed, 1, epoch)).shuffle([...cases.keys()]);
    const index = order[draw % cases.length] ?? 0;
    const scan = cases[index];
    if (scan === undefined) return;
    const random = new Random(mix(seed, 2, draw));
    const reader = this.#reader(index, scan.file);
    const { size } = reader.header;
    const extent: Triple = [width, height, depth];
    // Where the case's low corner lies in the patch (negative: the patch begins inside the case).
    const origin = extent.map((side, axis) => {
      const room = side - (size[axis] ?? 0);
      return room >= 0 ? Math.floor(room / 2) : -random.integer(1 - room);
    }) as [number, number, number];
    const low = origin.map((at) => Math.max(0, -at)) as [number, number, number];
    const taken = extent.map((side, axis) => Math.min((size[axis] ?? 0) - (low[axis] ?? 0), side - Math.max(0, origin[axis] ?? 0))) as [
      number,
      number,
      number,
    ];
    const to = origin.map((at) => Math.max(0, at)) as [number, number, number];
    const voxels = depth * height * width;
    const whole = into.x.subarray(n * channels * voxels, (n + 1) * channels * voxels);
    for (let channel = 0; channel < channels; channel++) {
      const { scale, offset, minimum } = reader.channel(channel);
      const stored = reader.image({ low, size: taken }, channel);
      const x = whole.subarray(channel * voxels, (channel + 1) * voxels).fill(minimum);
      for (let k = 0, from = 0; k < taken[2]; k++)
        for (let j = 0; j < taken[1]; j++) {
          const base = ((k + to[2]) * height + j + to[1]) * width + to[0];
          for (let i = 0; i < taken[0]; i++, from++) x[base + i] = (stored[from] as number) * scale + offset;
        }
    }
    for (let i = 0; i < taken[0]; i++) {
      const slice = n * width + to[0] + i;
      into.masked[slice] = 1;
      for (let clusterer = 0; clusterer < clusterers; clusterer++) {
        into.pseudo[slice * clusterers + clusterer] = scan.pseudo[(low[0] + i) * clusterers + clusterer] ?? 0;
      }
    }
    if (masking !== undefined) into.masked.set(maskSlices(whole, patch, to[0], to[0] + taken[0], masking, random), n * width);
  }

  #reader(index: number, path: string): CaseReader {
    let reader = this.#readers.get(index);
    if (reader !== undefined) return reader;
    for (const [oldest, open] of this.#readers) {
      if (this.#readers.size < OPEN_READERS) break;
      open.close();
      this.#readers.delete(oldest);
    }
    reader = new CaseReader(path);
    this.#readers.set(index, reader);
    return reader;
  }
}

function mix(seed: number, stream: number, index: number): number {
  return (Math.imul(seed ^ 0x2545f491, 0x9e3779b9) ^ Math.imul(stream, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
}
