import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { NnunetPipeline } from '#shared/domain/importedModel.ts';
import { modalityOfName } from '#shared/domain/modality.ts';
import { intensityRules, type IntensityRule, type ModelCard } from '#shared/domain/modelCard.ts';
import { lackingText, type LabelledCase, type SkippedCase } from '#shared/domain/trainingCase.ts';
import type { Work } from '#shared/domain/work.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { Grid, LabelVolume, Triple, Volume } from '#shared/geometry/grid.ts';
import { imagesOf, readCaseImages } from '#main/imageio/readCaseImages.ts';
import { prepareImages, prepareLabels } from '#main/inference/prepareVolume.ts';
import { importedCase } from './importedModel.ts';
import { lookAt, type ScanLook } from '#main/inference/scanLook.ts';
import { encodeCase, IGNORED_CLASS, isCase } from '../patches/caseFile.ts';
import { fingerprintCase, type CaseFingerprint, type ChannelImage, type Modality } from '../fingerprint.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { readMask } from '#main/imageio/readMask.ts';

export interface CaseLook {
  readonly case: LabelledCase;
  readonly fingerprint: CaseFingerprint;
  /** Of the first channel; undefined where the case lacks it. */
  readonly scan: ScanLook | undefined;
  /** SHA-256 over the contents of images and mask. */
  readonly hash: string;
}

/** The images of a case that the network takes; undefined: the leading one, whatever it is called. */
export interface WantedChannels {
  readonly names: readonly string[];
  /** Those that a case may lack: it then has zeros there. */
  readonly optional: readonly string[];
}

/** What a case file holds, along the axes of its network's input. */
export interface SeenCase {
  readonly size: Triple;
  readonly spacing: Triple;
  readonly images: readonly (Float32Array | null)[];
  /** Label values. */
  readonly values: LabelVolume['data'];
}

interface Loaded {
  readonly grid: Grid;
  readonly channels: readonly (ChannelImage | null)[];
  readonly labels: LabelVolume;
  readonly hash: string;
  readonly notes: readonly string[];
}

/** Volumes up to this many bytes in all are kept between the two passes, so that small data sets are read once. */
const keptBytes = 512 * 2 ** 20;

/** Reads labelled cases twice at most: once to look, once to write them as the network will see them. */
export class CasePreparation {
  readonly #kept = new Map<string, Loaded>();
  #bytes = 0;
  readonly skipped: SkippedCase[] = [];
  /** What was done with images that lie on other voxels than their case's leading one. */
  readonly notes: string[] = [];

  /**
   * Fingerprints of all usable cases. A case that cannot be read, that lacks a channel, whose image and mask do not fit together, or whose mask
   * holds an unknown value is left out and named. Without `labelValues` every value from 1 to 255 is taken.
   * `modality` is that of images whose files do not say it, `ignore` the value of voxels that nobody marked.
   */
  async look(
    cases: readonly LabelledCase[],
    labelValues: readonly number[] | undefined,
    modality: Modality,
    { cancellation, report }: Pick<Work, 'cancellation' | 'report'>,
    ignore?: number,
    wanted?: WantedChannels,
  ): Promise<CaseLook[]> {
    const looks: CaseLook[] = [];
    for (const [index, each] of cases.entries()) {
      throwIfCancelled(cancellation);
      try {
        const loaded = await load(each, modality, wanted, cancellation);
        const fingerprint = fingerprintCase(loaded.grid, loaded.channels, loaded.labels, labelValues ?? everyValue, ignore);
        this.notes.push(...loaded.notes);
        this.#keep(each.name, loaded);
        const [first] = loaded.channels;
        const scan = first ? lookAt(first.volume, first.modality) : undefined;
        looks.push({ case: each, fingerprint, scan, hash: loaded.hash });
      } catch (error) {
        if (!(error instanceof StudioError) || error.code === 'cancelled') throw error;
        const path = fileName(each.labels);
        this.skipped.push({
          path,
          reason:
            error.message.includes(path) || error.message.includes(fileName(each.image)) ? error.message : `${each.name}: ${error.message}`,
        });
      }
      report({ phase: 'Reading cases', fraction: (index + 1) / cases.length, detail: each.name });
    }
    return looks;
  }

  /** Writes what is not there yet into `folder` and returns the case files in the order of `looks`. */
  async write(
    looks: readonly CaseLook[],
    folder: string,
    plan: Pick<ModelCard, 'spacing' | 'intensity' | 'channels'> & { readonly pipeline?: NnunetPipeline },
    classToLabel: readonly number[],
    { cancellation, report }: Pick<Work, 'cancellation' | 'report'>,
    ignore?: number,
    wanted?: WantedChannels,
  ): Promise<string[]> {
    const { pipeline } = plan;
    const rules = intensityRules(plan);
    makeFolderBelow(dirname(folder), folder);
    const files: string[] = [];
    for (const [index, look] of looks.entries()) {
      throwIfCancelled(cancellation);
      const key = createHash('sha256')
        .update(
          JSON.stringify([
            look.case.name,
            look.hash,
            plan.spacing,
            plan.intensity,
            classToLabel,
            ...(ignore === undefined ? [] : [ignore]),
            ...(pipeline === undefined ? [] : [{ ...pipeline, output: undefined }]),
            ...(plan.channels === undefined ? [] : [plan.channels.map(({ name, intensity }) => ({ name, intensity }))]),
          ]),
        )
        .digest('hex')
        .slice(0, 32);
      const file = join(folder, `${key}.case`);
      if (!isCase(file)) {
        const { channels, labels } = this.#kept.get(look.case.name) ?? (await load(look.case, 'unknown', wanted, cancellation));
        const volumes = channels.map((channel) => channel?.volume ?? null);
        const { size, spacing, images, values } =
          pipeline === undefined ? ownCase(volumes, labels, plan.spacing, rules) : importedCase(volumes, labels, pipeline);
        await writeFileAtomically(file, encodeCase(look.case.name, size, spacing, images, toClasses(values, classToLabel, ignore)));
      }
      this.#kept.delete(look.case.name);
      files.push(file);
      report({ phase: 'Preparing cases', fraction: (index + 1) / looks.length, detail: look.case.name });
    }
    return files;
  }

  #keep(name: string, loaded: Loaded): void {
    const bytes = loaded.channels.reduce((sum, channel) => sum + (channel?.volume.data.byteLength ?? 0), loaded.labels.data.byteLength);
    if (this.#bytes + bytes > keptBytes) return;
    this.#bytes += bytes;
    this.#kept.set(name, loaded);
  }
}

const everyValue = Array.from({ length: 255 }, (_, index) => index + 1);

function fileName(path: string | readonly string[]): string {
  return basename(typeof path === 'string' ? path : (path[0] ?? ''));
}

/** `modality`: of the first channel, where neither its file nor its name says it. */
async function load(
  from: LabelledCase,
  modality: Modality,
  wanted: WantedChannels | undefined,
  cancellation: Cancellation,
): Promise<Loaded> {
  const { grid, images, contentHash, notes } = await readCaseImages(from, wanted?.names, cancellation);
  const missing = (wanted?.names ?? []).filter((_name, n) => images[n] === null);
  if (images.every((image) => image === null) || missing.some((name) => !wanted?.optional.includes(name)))
    throw new StudioError('invalid-file', lackingText(imagesOf(from), missing));
  const labels = await readMask(from.labels, cancellation);
  const channels = images.map((image, n) => {
    if (image === null || image.modality !== 'unknown') return image;
    const named = modalityOfName(wanted?.names[n] ?? '');
    return { ...image, modality: named === 'unknown' && n === 0 ? modality : named };
  });
  const hash = createHash('sha256').update(contentHash).update(labels.contentHash).digest('hex');
  return { grid, channels, labels: labels.volume, hash, notes };
}

/** As a network of this program sees it. */
function ownCase(volumes: readonly (Volume | null)[], labels: LabelVolume, mm: Triple, rules: readonly IntensityRule[]): SeenCase {
  const { grid, images } = prepareImages(volumes, mm, rules);
  return { size: grid.size, spacing: spacingOf(grid), images, values: prepareLabels(labels, mm).data };
}

function toClasses(values: LabelVolume['data'], classToLabel: readonly number[], ignore: number | undefined): Uint8Array {
  const classOf = new Uint8Array(65536);
  if (ignore !== undefined) classOf[ignore] = IGNORED_CLASS;
  classToLabel.forEach((value, classIndex) => {
    classOf[value] = classIndex;
  });
  return Uint8Array.from(values, (value) => classOf[value] as number);
}
