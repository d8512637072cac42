import { fileName } from '#shared/base/fileName.ts';
import { Random } from '#shared/base/random.ts';
import { sameIntensities, type Augmentation } from '#shared/domain/trainConfig.ts';
import { classesOf } from '#main/model/networkConfig.ts';
import type { Weights } from '#main/model/weights.ts';
import type { Batch } from './patches/batches.ts';
import { BatchSource } from './patches/batchSource.ts';
import { augmentIntensities } from './patches/intensityAugment.ts';
import { drawBox, paste, type TaughtPatch } from './patches/mixing.ts';
import { Settled } from './ignored.ts';
import { IGNORED_CLASS } from './patches/caseFile.ts';
import type { Pace } from './strategy.ts';
import { Supervised } from './supervised.ts';
import { sureLabels } from './teacher.ts';
import type { StepInputs } from './trainingNetwork.ts';

/** Part of the budget over which the teacher's word comes to count. */
const RAMP = 0.3;

/**
 * Learns from labelled cases and from scans without masks. The teacher, the moving average of the student, predicts a patch that was only
 * moved and turned; the student must agree where the teacher is sure, after the patch was changed in intensity and had a box of another
 * scan (CutMix), or of a labelled case, put in (mean teacher, arXiv 1703.01780; UniMatch, arXiv 2208.09910; BCP, arXiv 2305.00673).
 */
export class Consistency extends Supervised {
  #scans: BatchSource | undefined;
  #unsure: Settled | undefined;

  protected override sign(): string {
    return JSON.stringify({
      kind: 'consistency',
      supervised: super.sign(),
      unlabelledCases: (this.setup.unlabelledCases ?? []).map(fileName),
      ramp: RAMP,
    });
  }

  override isSameRun(found: string): boolean {
    return found === this.signature;
  }

  protected override async start(first: number): Promise<void> {
    await super.start(first);
    const { recipe, seed, unlabelledCases = [] } = this.setup;
    this.#scans?.dispose();
    // The teacher's view: where the patch lies and how it is turned is drawn, its intensities are the scan's.
    const weak: Augmentation = { ...recipe.augmentation, ...sameIntensities };
    this.#scans = new BatchSource(this.batches(unlabelledCases, seed ^ 0x7e4c, { augmentation: weak, foregroundShare: 0 }), first);
    await this.averageMoved(await this.current());
  }

  protected override averageMoved(average: Weights): Promise<void> {
    return this.predictor.load(average);
  }

  protected override async inputs(step: number, labelled: Batch, pace: Pace): Promise<StepInputs> {
    const { plan, seed, recipe, architecture } = this.setup;
    const { batch, patch } = plan;
    const voxels = patch[0] * patch[1] * patch[2];
    const scans = new Float32Array(batch * architecture.inChannels * voxels);
    const taught = new Int32Array(batch * voxels);
    const sure = new Uint8Array(batch * voxels);
    await this.#scans?.take(step, async (weak) => {
      const seen = await this.#predicted(weak, batch, voxels);
      for (let n = 0; n < batch; n++) {
        const random = new Random((Math.imul(seed ^ 0x3c6ef372, 0x9e3779b1) ^ Math.imul(step * batch + n + 1, 0xc2b2ae35)) >>> 0);
        const student = patchAt(scans, taught, sure, n * voxels, voxels);
        const scan = seen[n] as TaughtPatch;
        student.image.set(scan.image);
        student.classes.set(scan.classes);
        student.sure.set(scan.sure);
        const other = batch > 1 && random.next() < 0.5 ? (seen[(n + 1) % batch] as TaughtPatch) : withMask(labelled, n, voxels);
        paste(other, student, drawBox(random, patch), patch);
        for (let at = 0; at < student.image.length; at += voxels) {
          const channel = student.image.subarray(at, at + voxels);
          const { mean, deviation } = moments(channel);
          augmentIntensities(random, recipe.augmentation, channel, mean, deviation);
        }
      }
    });
    this.#unsure ??= new Settled(batch, classesOf(architecture), voxels);
    this.#unsure.mark(taught, (at) => sure[at] === 1);
    return {
      ...(await super.inputs(step, labelled, pace)),
      scans,
      taught,
      unsure: this.#unsure.marks,
      taughtWeight: Float32Array.of(rampUp(pace.fraction)),
    };
  }

  /** The scans' patches with what the teacher says of them. */
  async #predicted({ image }: Batch, batch: number, voxels: number): Promise<TaughtPatch[]> {
    const patches: TaughtPatch[] = [];
    const values = image.length / batch;
    for (let n = 0; n < batch; n++) {
      const scan = {
        image: image.slice(n * values, (n + 1) * values),
        classes: new Int32Array(voxels),
        sure: new Uint8Array(voxels),
      };
      sureLabels(await this.predictor.predict(scan.image), scan.classes, scan.sure);
      patches.push(scan);
    }
    return patches;
  }

  override dispose(): void {
    super.dispose();
    this.#scans?.dispose();
    this.#scans = undefined;
  }
}

/** 0 to 1 over the first part of the budget (Laine and Aila, arXiv 1610.02242). */
export function rampUp(fraction: number): number {
  return Math.exp(-5 * (1 - Math.min(1, fraction / RAMP)) ** 2);
}

function patchAt(image: Float32Array, classes: Int32Array, sure: Uint8Array, at: number, voxels: number): TaughtPatch {
  const channels = image.length / classes.length;
  return {
    image: image.subarray(channels * at, channels * (at + voxels)),
    classes: classes.subarray(at, at + voxels),
    sure: sure.subarray(at, at + voxels),
  };
}

/** A labelled patch, of which every voxel counts that somebody marked. */
function withMask({ image, classes }: Batch, n: number, voxels: number): TaughtPatch {
  const patch = patchAt(image, classes, new Uint8Array(0), n * voxels, voxels);
  return { ...patch, sure: Uint8Array.from(patch.classes, (value) => (value === IGNORED_CLASS ? 0 : 1)) };
}

function moments(image: Float32Array): { readonly mean: number; readonly deviation: number } {
  let [sum, squares] = [0, 0];
  for (const value of image) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / image.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / image.length - mean * mean)) };
}
