import { basename, join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { rankSlices } from '#shared/domain/sliceUncertainty.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { predictVolume } from '#main/inference/predictVolume.ts';
import type { Task, TaskContext } from '../task.ts';
import { loadModel } from './modelFolder.ts';
import { openExecutor } from './openExecutor.ts';
import type { LeftOutCase } from './prepareCases.ts';
import { mirrorAxesFor } from './train.ts';

const configSchema = v.object({
  /** Model folder. */
  model: v.string(),
  /** Each image: one file, or the files of a DICOM series. `name` is the mask's file name without extension; by default the image's. */
  images: v.array(v.object({ path: v.union([v.string(), v.array(v.string())]), name: v.optional(v.string()) })),
  device: v.optional(v.string(), 'cpu'),
  threads: v.optional(v.number()),
  overlap: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(0.9)), 0.5),
  /** Predict mirrored too, where the labels allow it: a little better, twice the time. */
  mirror: v.optional(v.boolean(), true),
  /** Write a map of the uncertainty (0..255) beside each mask. */
  uncertainty: v.optional(v.boolean(), false),
});

export type PredictTaskInput = v.InferInput<typeof configSchema>;
export type PredictTaskConfig = v.InferOutput<typeof configSchema>;

export interface PredictedImage {
  readonly image: string;
  readonly mask: string;
  readonly uncertainty: string | null;
  readonly seconds: number;
  /** Where to look first: slices (constant k, from 0) that hold most of the uncertainty, a tenth of all but at most ten; empty where none was asked for. */
  readonly uncertainSlices: readonly number[];
  /** Millilitres by label name. */
  readonly volumes: Readonly<Record<string, number>>;
}

export interface PredictTaskResult {
  readonly predictions: readonly PredictedImage[];
  readonly leftOut: readonly LeftOutCase[];
}

/** Predicts images; masks go to `outFolder` as .nii.gz on each image's own grid. A file that cannot be read is left out and named. */
export const predictTask: Task<PredictTaskConfig, PredictTaskResult> = {
  kind: 'predict',
  parse(config) {
    const parsed = v.safeParse(configSchema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', 'The settings of this prediction are not valid.', { detail: v.summarize(parsed.issues) });
    return parsed.output;
  },
  run: runPrediction,
};

async function runPrediction(context: TaskContext<PredictTaskConfig>): Promise<PredictTaskResult> {
  const { config, alarm } = context;
  const { card, weights } = await loadModel(config.model);
  await mkdir(context.outFolder, { recursive: true });
  const executor = await openExecutor(config.device, { threads: config.threads });
  const predictions: PredictedImage[] = [];
  const leftOut: LeftOutCase[] = [];
  try {
    const predictor = await NetworkPredictor.create(executor, card.architecture, card.patch, weights);
    try {
      for (const [index, image] of config.images.entries()) {
        try {
          predictions.push(await predictOne(context, predictor, card, image, index));
        } catch (error) {
          if (!(error instanceof StudioError) || !['invalid-file', 'unsupported', 'not-found'].includes(error.code)) throw error;
          const path = firstPath(image.path);
          leftOut.push({ path, reason: error.message });
          alarm('warning', error.message.includes(basename(path)) ? error.message : `${basename(path)}: ${error.message}`);
        }
      }
    } finally {
      predictor.dispose();
    }
  } finally {
    executor.dispose();
  }
  return { predictions, leftOut };
}

async function predictOne(
  { config, outFolder, cancellation, report, turn }: TaskContext<PredictTaskConfig>, predictor: NetworkPredictor,
  card: Awaited<ReturnType<typeof loadModel>>['card'], image: PredictTaskConfig['images'][number], index: number,
): Promise<PredictedImage> {
  const begun = performance.now();
  const source = firstPath(image.path);
  const name = image.name ?? imageName(source);
  const { volume } = await readImage(image.path, { cancellation });
  const { labels, uncertainty } = await predictVolume(volume, card, predictor, {
    overlap: config.overlap, mirrorAxes: config.mirror ? mirrorAxesFor(card.labelSet) : [], uncertainty: config.uncertainty, cancellation, turn,
    onProgress: (fraction) => report({ phase: 'Predicting', fraction: (index + fraction) / config.images.length, detail: name }),
  });
  const mask = join(outFolder, `${name}.nii.gz`);
  await writeVolume(mask, labels);
  const map = uncertainty === undefined ? null : join(outFolder, `${name}.uncertainty.nii.gz`);
  if (map !== null && uncertainty !== undefined) await writeVolume(map, uncertainty);
  const { size } = labels.grid;
  const first = uncertainty === undefined ? [] : rankSlices(uncertainty.data, size, 2).slice(0, Math.min(MOST_SLICES, Math.ceil(size[2] / 10)));
  const counts = new Float64Array(256);
  for (const value of labels.data) counts[value] = (counts[value] as number) + 1;
  const [si, sj, sk] = spacingOf(labels.grid);
  return {
    image: source, mask, uncertainty: map, seconds: (performance.now() - begun) / 1000,
    uncertainSlices: first.map(({ index: slice }) => slice),
    volumes: Object.fromEntries(card.labelSet.labels.map((label) => [label.name, ((counts[label.value] ?? 0) * si * sj * sk) / 1000])),
  };
}

const MOST_SLICES = 10;

function firstPath(path: string | readonly string[]): string {
  return typeof path === 'string' ? path : (path[0] ?? '');
}

/** A file's name without the extensions of image formats. */
export function imageName(path: string): string {
  return basename(path).replace(/\.(nii\.gz|nii|nrrd|nhdr|mha|mhd|dcm)$/i, '');
}
