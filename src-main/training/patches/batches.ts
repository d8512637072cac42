import { Random } from '#shared/base/random.ts';
import { CaseReader } from './caseFile.ts';
import { drawPatch, type PatchRule } from './drawPatch.ts';

/** Everything that decides what the batches of a run are. */
export interface BatchSpecification {
  /** Paths of case files. */
  readonly cases: readonly string[];
  readonly batch: number;
  readonly rule: PatchRule;
  readonly seed: number;
}

/** Network input (batch, C, D, H, W) and class indices (batch, D, H, W). */
export interface Batch {
  readonly image: Float32Array;
  readonly classes: Int32Array;
}

/** Room for a batch. */
export function emptyBatch({ batch, rule }: Pick<BatchSpecification, 'batch' | 'rule'>): Batch {
  const voxels = batch * rule.size[0] * rule.size[1] * rule.size[2];
  return { image: new Float32Array(voxels * channelCount(rule)), classes: new Int32Array(voxels) };
}

const channelCount = ({ channels }: PatchRule): number => channels?.length ?? 1;

const openReaders = 64;

/** A generator for one draw of a run: independent of all others and of the order in which they are made. */
function randomFor(seed: number, stream: number, index: number): Random {
  return new Random(
    (Math.imul(seed ^ 0x51ed270b, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0,
  );
}

/** Makes batch number `step` of a run: a function of the specification and the number alone, so that a resumed run sees the same data. */
export class BatchMaker {
  readonly #specification: BatchSpecification;
  readonly #readers = new Map<string, CaseReader>();

  constructor(specification: BatchSpecification) {
    this.#specification = specification;
  }

  /** Every case once in an epoch, in an order of its own. */
  #caseAt(draw: number): string {
    const { cases, seed } = this.#specification;
    const order = randomFor(seed, 1, Math.floor(draw / cases.length)).shuffle([...cases.keys()]);
    return cases[order[draw % cases.length] ?? 0] ?? '';
  }

  #reader(path: string): CaseReader {
    let reader = this.#readers.get(path);
    if (reader === undefined) {
      reader = new CaseReader(path);
      const oldest = this.#readers.size >= openReaders ? this.#readers.keys().next().value : undefined;
      if (oldest !== undefined) {
        this.#readers.get(oldest)?.close();
        this.#readers.delete(oldest);
      }
    } else {
      this.#readers.delete(path);
    }
    this.#readers.set(path, reader);
    return reader;
  }

  make(step: number, into: Batch): void {
    const { batch, rule, seed } = this.#specification;
    const voxels = rule.size[0] * rule.size[1] * rule.size[2];
    const values = voxels * channelCount(rule);
    for (let n = 0; n < batch; n++) {
      const draw = step * batch + n;
      drawPatch(
        this.#reader(this.#caseAt(draw)),
        rule,
        randomFor(seed, 2, draw),
        into.image.subarray(n * values, (n + 1) * values),
        into.classes.subarray(n * voxels, (n + 1) * voxels),
      );
    }
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }
}
