import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { IntensityRule } from '#shared/domain/modelCard.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { LabelVolume, Triple, Volume } from '#shared/geometry/grid.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { prepareImage, prepareLabels } from '#main/inference/prepareVolume.ts';
import { encodeCase } from '#main/training/caseFile.ts';
import { fingerprintCase, type CaseFingerprint, type Modality } from '#main/training/fingerprint.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readMask } from './readMask.ts';

/** A labelled case by the paths of its image (a file, or the files of a series) and its mask. */
export interface LabelledCase {
  readonly name: string;
  readonly image: string | readonly string[];
  readonly labels: string | readonly string[];
}

export interface CaseLook {
  readonly case: LabelledCase;
  readonly fingerprint: CaseFingerprint;
  /** SHA-256 over the contents of image and mask. */
  readonly hash: string;
}

export interface LeftOutCase {
  readonly path: string;
  readonly reason: string;
}

interface Loaded {
  readonly image: Volume;
  readonly labels: LabelVolume;
  readonly modality: Modality;
  readonly hash: string;
}

export interface PrepareOptions {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

/** Volumes up to this many bytes in all are kept between the two passes, so that small data sets are read once. */
const keptBytes = 512 * 2 ** 20;

/** Reads labelled cases twice at most: once to look, once to write them as the network will see them. */
export class CasePreparation {
  readonly #kept = new Map<string, Loaded>();
  #bytes = 0;
  readonly leftOut: LeftOutCase[] = [];

  /**
   * Fingerprints of all usable cases. A case that cannot be read, whose image and mask do not fit together, or whose mask holds an
   * unknown value is left out and named. Without `labelValues` every value from 1 to 255 is taken.
   * `modality` is that of images whose files do not say it.
   */
  async look(cases: readonly LabelledCase[], labelValues: readonly number[] | undefined, modality: Modality, { cancellation, report }: PrepareOptions): Promise<CaseLook[]> {
    const looks: CaseLook[] = [];
    for (const [index, each] of cases.entries()) {
      throwIfCancelled(cancellation);
      try {
        const loaded = await load(each, cancellation);
        const fingerprint = fingerprintCase(loaded.image, loaded.labels, loaded.modality === 'unknown' ? modality : loaded.modality, labelValues ?? everyValue);
        this.#keep(each.name, loaded);
        looks.push({ case: each, fingerprint, hash: loaded.hash });
      } catch (error) {
        if (!(error instanceof StudioError) || error.code === 'cancelled') throw error;
        const path = fileName(each.labels);
        this.leftOut.push({ path, reason: error.message.includes(path) || error.message.includes(fileName(each.image)) ? error.message : `${each.name}: ${error.message}` });
      }
      report({ phase: 'Reading cases', fraction: (index + 1) / cases.length, detail: each.name });
    }
    return looks;
  }

  /** Writes what is not there yet into `folder` and returns the case files in the order of `looks`. */
  async write(looks: readonly CaseLook[], folder: string, plan: { spacing: Triple; intensity: IntensityRule }, classToLabel: readonly number[], { cancellation, report }: PrepareOptions): Promise<string[]> {
    await mkdir(folder, { recursive: true });
    const files: string[] = [];
    for (const [index, look] of looks.entries()) {
      throwIfCancelled(cancellation);
      const key = createHash('sha256').update(JSON.stringify([look.case.name, look.hash, plan.spacing, plan.intensity, classToLabel])).digest('hex').slice(0, 32);
      const file = join(folder, `${key}.case`);
      if (!existsSync(file)) {
        const { image, labels } = this.#kept.get(look.case.name) ?? (await load(look.case, cancellation));
        const prepared = prepareImage(image, plan.spacing, plan.intensity);
        const classes = toClasses(prepareLabels(labels, plan.spacing), classToLabel);
        await writeFileAtomically(file, encodeCase(look.case.name, prepared.grid.size, spacingOf(prepared.grid), prepared.data, classes));
      }
      this.#kept.delete(look.case.name);
      files.push(file);
      report({ phase: 'Preparing cases', fraction: (index + 1) / looks.length, detail: look.case.name });
    }
    return files;
  }

  #keep(name: string, loaded: Loaded): void {
    const bytes = loaded.image.data.byteLength + loaded.labels.data.byteLength;
    if (this.#bytes + bytes > keptBytes) return;
    this.#bytes += bytes;
    this.#kept.set(name, loaded);
  }
}

const everyValue = Array.from({ length: 255 }, (_, index) => index + 1);

function fileName(path: string | readonly string[]): string {
  return basename(typeof path === 'string' ? path : (path[0] ?? ''));
}

async function load({ image, labels }: LabelledCase, cancellation: Cancellation): Promise<Loaded> {
  const [readImageResult, readLabelsResult] = [await readImage(image, { cancellation }), await readMask(labels, cancellation)];
  const hash = createHash('sha256').update(readImageResult.contentHash).update(readLabelsResult.contentHash).digest('hex');
  return { image: readImageResult.volume, labels: readLabelsResult.volume, modality: readImageResult.modality, hash };
}

function toClasses(labels: LabelVolume, classToLabel: readonly number[]): Uint8Array {
  const classOf = new Uint8Array(65536);
  classToLabel.forEach((value, classIndex) => { classOf[value] = classIndex; });
  return Uint8Array.from(labels.data, (value) => classOf[value] as number);
}
