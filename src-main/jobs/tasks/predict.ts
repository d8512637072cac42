import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { imageStem } from '#main/imageio/endings.ts';
import { must } from '#shared/base/assert.ts';
import { isFileFault } from '#shared/base/errors.ts';
import { expected } from '#shared/domain/image.ts';
import { regionOf } from '#shared/domain/regions.ts';
import { rankSlices } from '#shared/domain/sliceUncertainty.ts';
import type { CaseFiles, SkippedCase } from '#shared/domain/trainingCase.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import { imagesOf } from '#main/imageio/readCaseImages.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { claimOutputs, distinctNames } from '#main/files/outputs.ts';
import { channelsOfModel, openScanPredictor, type ScanPredictor } from '#main/inference/scanPredictor.ts';
import { predictRequest, type PredictedImage, type PredictTaskConfig, type PredictTaskResult } from '../requests/predict.ts';
import type { Task, TaskContext } from '../task.ts';
import { readForModel } from '#main/inference/cases/modelImages.ts';
import { loadAnyModel } from '#main/model/modelFolder.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';

/**
 * Predicts images; masks go to `outFolder` as .nii.gz on each image's own grid. A file that cannot be read is left out and named. Throws
 * `conflict`, before anything is written, where a mask would take the place of an image or, unless `overwrite`, of another file.
 */
export const predictTask: Task<PredictTaskConfig, PredictTaskResult> = {
  kind: 'predict',
  parse: predictRequest.parse,
  run: runPrediction,
};

async function runPrediction(context: TaskContext<PredictTaskConfig>): Promise<PredictTaskResult> {
  const { config, alarm } = context;
  const model = await loadAnyModel(config.model);
  const scans = config.images.map((image) => scanOf(image, channelsOfModel(model), config.channels));
  const outputs = await planOutputs(context, scans);
  makeFolderBelow(dirname(context.outFolder), context.outFolder);
  const predictions: PredictedImage[] = [];
  const skipped: SkippedCase[] = [];
  await withExecutor({ ...config, alarm }, async (executor) => {
    const predictor = await openScanPredictor(executor, model);
    try {
      for (const [index, scan] of scans.entries()) {
        try {
          predictions.push(await predictOne(context, predictor, scan, index, must(outputs[index], 'the names of what is written')));
        } catch (error) {
          if (!isFileFault(error)) throw error;
          const path = firstPath(scan.image.path);
          skipped.push({ path, reason: error.message });
          alarm('warning', error.message.includes(basename(path)) ? error.message : `${basename(path)}: ${error.message}`);
        }
      }
    } finally {
      predictor.dispose();
    }
  });
  return { predictions, skipped };
}

/** What is predicted together. */
interface Scan {
  readonly image: PredictTaskConfig['images'][number];
  readonly files: CaseFiles;
  /** What the mask is called. */
  readonly stem: string | undefined;
}

/** nnU-Net's names: channel n of a case is `case_000n.nii.gz`, its mask `case.nii.gz`. */
const channelName = /_0000(?=\.[^/\\]+$)/;

/**
 * A case as it is given, or else as it lies: the files beside the one that is named, by their numbers, or the volumes of one file. `names`: what they are
 * called, in their order; unless given, as the model calls its channels.
 */
function scanOf(image: Scan['image'], wanted: ScanPredictor['channels'], names: readonly string[] | undefined): Scan {
  const { path, channels } = image;
  const called = names ?? wanted?.map(({ name }) => name);
  if (channels !== undefined || called === undefined || typeof path !== 'string')
    return { image, files: { image: path, channels, ...expected(image) }, stem: undefined };
  if (!channelName.test(path)) {
    const volumes = called.length > 1 ? called.map((name, n) => ({ name, image: path, volume: n + 1 })) : undefined;
    return { image, files: { image: path, channels: volumes, ...expected(image) }, stem: undefined };
  }
  const numbered = called.map((name, n) => ({ name, image: path.replace(channelName, `_${String(n).padStart(4, '0')}`) }));
  const there = numbered.filter((each) => each.image === path || existsSync(each.image));
  return { image, files: { image: path, channels: there }, stem: imageStem(path.replace(channelName, '')) };
}

interface PlannedOutput {
  readonly name: string;
  readonly mask: string;
  readonly map: string | null;
}

/** What will be written for each image; a job that was interrupted finds its own earlier files. */
async function planOutputs(
  { config, outFolder, attempt }: TaskContext<PredictTaskConfig>,
  scans: readonly Scan[],
): Promise<PlannedOutput[]> {
  const names = distinctNames(
    scans.map(({ image }) => firstPath(image.path)),
    (path) => scans.find(({ image }) => firstPath(image.path) === path)?.stem ?? imageStem(path),
  );
  const outputs = scans.map(({ image: { name: given } }, n) => {
    const name = given ?? names[n] ?? '';
    return {
      name,
      mask: join(outFolder, `${name}.nii.gz`),
      map: config.uncertainty ? join(outFolder, `${name}.uncertainty.nii.gz`) : null,
    };
  });
  await claimOutputs(
    outputs.flatMap(({ mask, map }) => (map === null ? [mask] : [mask, map])),
    { inputs: scans.flatMap(({ files }) => imagesOf(files).flatMap(({ image }) => image)), overwrite: config.overwrite || attempt > 1 },
  );
  return outputs;
}

async function predictOne(
  { config, cancellation, report, turn, alarm }: TaskContext<PredictTaskConfig>,
  predictor: ScanPredictor,
  { files }: Scan,
  index: number,
  { name, mask, map }: PlannedOutput,
): Promise<PredictedImage> {
  const begun = performance.now();
  const source = firstPath(files.image);
  const { images, modality, notes } = await readForModel(files, predictor.channels, cancellation);
  for (const note of notes) alarm('info', `${basename(source)}: ${note}`);
  const reasons = predictor.unlike(images[0] ?? null, modality);
  if (reasons.length > 0)
    alarm(
      'warning',
      `${basename(source)} is unlike the scans that this model learned from: ${reasons.join('; ')}. Look closely at what it finds.`,
    );
  const { labels, uncertainty } = await predictor.predict(images, {
    overlap: config.overlap,
    mirror: config.mirror,
    uncertainty: config.uncertainty,
    cancellation,
    turn,
    onProgress: (fraction) => report({ phase: 'Predicting', fraction: (index + fraction) / config.images.length, detail: name }),
  });
  await writeVolume(mask, labels, { labels: predictor.labelSet.labels });
  if (map !== null && uncertainty !== undefined) await writeVolume(map, uncertainty);
  const { size } = labels.grid;
  const first =
    uncertainty === undefined ? [] : rankSlices(uncertainty.data, size, 2).slice(0, Math.min(MOST_SLICES, Math.ceil(size[2] / 10)));
  const counts = new Float64Array(256);
  for (const value of labels.data) counts[value] = (counts[value] as number) + 1;
  const [si, sj, sk] = spacingOf(labels.grid);
  return {
    image: source,
    mask,
    uncertainty: map,
    seconds: (performance.now() - begun) / 1000,
    uncertainSlices: first.map(({ index: slice }) => slice),
    volumes: Object.fromEntries(
      predictor.labelSet.labels.map(({ name, value }) => {
        const voxels = regionOf(predictor.labelSet, value).reduce((sum, part) => sum + (counts[part] ?? 0), 0);
        return [name, (voxels * si * sj * sk) / 1000];
      }),
    ),
  };
}

const MOST_SLICES = 10;

function firstPath(path: string | readonly string[]): string {
  return typeof path === 'string' ? path : (path[0] ?? '');
}
